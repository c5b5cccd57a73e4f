package cli

import "context"

// streaming runs `lode streaming`: Hadoop Streaming's arguments, always waiting for the end.
func (o *Options) streaming(ctx context.Context, args []string) error {
	return o.run(ctx, &submission{wait: true, program: "streaming", args: args})
}
