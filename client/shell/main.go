package shell

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/shell/admin"
	"github.com/lodehq/lode/client/shell/fsshell"
	"github.com/lodehq/lode/client/shell/fsys"
	"github.com/lodehq/lode/internal/conf"
)

// Env is where a command runs.
type Env struct {
	Stdin      io.Reader
	Stdout     io.Writer
	Stderr     io.Writer
	Conf       *conf.Conf
	IsTerminal bool   // Stderr is a terminal: long work shows how far it is
	User       string // "" is $HADOOP_USER_NAME, then the operating system's user
	Dialer     func(ctx context.Context, network, address string) (net.Conn, error)
}

// Main runs a command line, args[0] being the command (dfs, dfsadmin, fsck …), and answers its exit code.
func Main(ctx context.Context, env Env, args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(env.Stderr, "a command is missing: one of dfs, "+strings.Join(admin.Names(), ", "))
		return 2
	}
	if env.Conf == nil {
		env.Conf = conf.New(nil)
	}
	name, rest := args[0], args[1:]
	c, rest, err := generic(env.Conf, rest)
	if err != nil {
		fmt.Fprintf(env.Stderr, "%s: %v\n", name, err)
		return 255
	}
	if name == "fs" || name == "dfs" {
		w := fsys.NewWorld(c, client.Options{User: env.User, Dialer: env.Dialer})
		defer w.Close()
		sh := &fsshell.Shell{
			World: w, Conf: c, User: env.User, Stdin: env.Stdin, Stdout: env.Stdout, Stderr: env.Stderr, Terminal: env.IsTerminal,
		}
		return sh.Main(ctx, rest)
	}
	a := &admin.Tool{
		Conf: c, User: env.User, Dialer: env.Dialer, Stdin: env.Stdin, Stdout: env.Stdout, Stderr: env.Stderr,
	}
	return a.Main(ctx, name, rest)
}

// generic takes Hadoop's generic options from the front of a command line (GenericOptionsParser).
func generic(c *conf.Conf, args []string) (*conf.Conf, []string, error) {
	for len(args) > 0 {
		a := args[0]
		key, value, attached := "", "", false
		switch {
		case a == "-D" || a == "-fs" || a == "-conf" || a == "-jt" || a == "-files" || a == "-libjars" || a == "-archives":
			if len(args) < 2 {
				return nil, nil, fmt.Errorf("Missing argument for option: %s", strings.TrimPrefix(a, "-"))
			}
			key, value = a, args[1]
		case strings.HasPrefix(a, "-D") && strings.Contains(a, "="):
			key, value, attached = "-D", a[2:], true
		default:
			return c, args, nil
		}
		args = args[1:]
		if !attached {
			args = args[1:]
		}
		var err error
		if c, err = apply(c, key, value); err != nil {
			return nil, nil, err
		}
	}
	return c, args, nil
}

func apply(c *conf.Conf, key, value string) (*conf.Conf, error) {
	switch key {
	case "-D":
		k, v, ok := strings.Cut(value, "=")
		if !ok {
			return nil, fmt.Errorf("-D takes key=value, not %q", value)
		}
		return c.With(strings.TrimSpace(k), v), nil
	case "-fs":
		if !strings.Contains(value, "://") {
			if value == "local" {
				value = "file:///"
			} else {
				value = "hdfs://" + value
			}
		}
		return c.With("fs.defaultFS", value), nil
	case "-conf":
		return confFile(c, value)
	}
	return c, nil // what concerns jobs
}

// confFile lays the properties of an XML file over the configuration.
func confFile(c *conf.Conf, name string) (*conf.Conf, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("-conf: %w", err)
	}
	var file struct {
		Property []struct {
			Name  string `xml:"name"`
			Value string `xml:"value"`
		} `xml:"property"`
	}
	if err := xml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("-conf %s: %w", name, err)
	}
	for _, p := range file.Property {
		c = c.With(strings.TrimSpace(p.Name), strings.TrimSpace(p.Value))
	}
	return c, nil
}
