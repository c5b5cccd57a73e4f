package cli

import (
	"context"
	"fmt"

	"github.com/lodehq/lode/mapreduce/streaming"
)

// streaming runs `lode streaming`: Hadoop Streaming's arguments. It waits for the end unless -background is given.
func (o *Options) streaming(ctx context.Context, args []string) error {
	g, rest, err := parseGeneric(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 && (rest[0] == "-help" || rest[0] == "--help" || rest[0] == "-h" || rest[0] == "-info") {
		_, err := fmt.Fprintf(o.Stdout, "usage: lode streaming %s\n", streaming.Usage)
		return err
	}
	shipped, background, err := streaming.Client(rest)
	if err != nil {
		return usagef("%s", err.Error())
	}
	g.files = append(g.files, shipped...)
	return o.run(ctx, &submission{wait: !background, noWait: background, program: "streaming", args: rest, generic: g})
}
