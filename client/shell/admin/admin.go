package admin

import (
	"context"
	"io"
	"net"

	"github.com/lodehq/lode/internal/conf"
)

type Tool struct {
	Conf   *conf.Conf
	User   string
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

func Names() []string { return nil }

func (t *Tool) Main(ctx context.Context, name string, args []string) int { return 255 }
