package fsshell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lodehq/lode/client/shell/fsys"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hdfs"
)

// Shell runs commands for one user on one terminal.
type Shell struct {
	World    *fsys.World
	Conf     *conf.Conf
	User     string
	Stdin    io.Reader
	Stdout   io.Writer
	Stderr   io.Writer
	Terminal bool // Stdout is one: long work shows how far it is
}

// usageError is a wrong command line: it is followed by the command's usage, and the exit code is 255.
type usageError struct {
	text string
	bare bool // printed with the command's name alone, without the dash
}

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{text: fmt.Sprintf(format, args...)} }

// ioError is a failure that is no complaint about a path: the words are printed as they are.
type ioError struct{ text string }

func (e *ioError) Error() string { return e.text }

// command describes a command.
type command struct {
	name, usage string
	about       []string // what it does, in lines
	min, max    int      // arguments; max < 0 is any number
	options     []string
	valued      []string                                                 // options with a value behind them
	loose       bool                                                     // an unknown option is the first argument
	pre         func(args []string) ([]string, map[string]string, error) // takes options of its own form out of the line
	deprecated  string                                                   // what to use instead
	setup       func(r *run) error
}

// run is one execution of a command. The hooks that are nil have their usual meaning.
type run struct {
	*Shell
	ctx  context.Context
	out  *bufio.Writer
	cmd  *command
	opts map[string]bool
	vals map[string]string
	args []string

	recursive bool
	depth     int
	failures  int

	expand func(arg string) ([]*fsys.Item, error)      // of one argument
	all    func(items []*fsys.Item) error              // of all arguments together
	argDo  func(i *fsys.Item) error                    // of one argument that exists
	absent func(i *fsys.Item) error                    // of one argument that does not
	before func(parent *fsys.Item, items []*fsys.Item) // of the entries of a directory, or of an argument alone
	do     func(i *fsys.Item) error                    // of each path
	enter  func(i *fsys.Item) error                    // of a directory's entries
	after  func(i *fsys.Item) error                    // when a path and all below it are done
}

// Main runs one command line, args[0] being the command with its dash, and answers the exit code.
func (s *Shell) Main(ctx context.Context, args []string) int {
	out := bufio.NewWriterSize(s.Stdout, 32<<10)
	defer out.Flush()
	if len(args) == 0 {
		s.usage(s.Stderr, "")
		return 255
	}
	name := args[0]
	cmd := find(name)
	switch {
	case name == "-help" || name == "-usage":
		return s.help(out, name == "-help", args[1:])
	case cmd == nil && !strings.HasPrefix(name, "-"):
		fmt.Fprintf(s.Stderr, "%s: Unknown command\n", name)
		if find("-"+name) != nil || name == "help" || name == "usage" {
			fmt.Fprintf(s.Stderr, "Did you mean -%s?  This command begins with a dash.\n", name)
		}
		s.usage(s.Stderr, "")
		return 255
	case cmd == nil:
		fmt.Fprintf(s.Stderr, "%s: Unknown command\n", name)
		s.usage(s.Stderr, "")
		return 255
	}
	if cmd.deprecated != "" {
		fmt.Fprintf(s.Stderr, "%s: DEPRECATED: Please use '%s' instead.\n", cmd.name, cmd.deprecated)
	}
	r := &run{Shell: s, ctx: ctx, out: out, cmd: cmd}
	err := r.parse(args[1:])
	if err == nil {
		err = cmd.setup(r)
	}
	if err == nil {
		err = r.arguments()
	}
	var u *usageError
	if errors.As(err, &u) {
		out.Flush()
		dash := "-"
		if u.bare {
			dash = ""
		}
		fmt.Fprintf(s.Stderr, "%s%s: %s\n", dash, cmd.name, u.text)
		fmt.Fprintf(s.Stderr, "Usage: hadoop fs [generic options] -%s%s\n", cmd.name, spaced(cmd.usage))
		return 255
	}
	if err != nil {
		r.complain(err)
	}
	if r.failures > 0 {
		return 1
	}
	return 0
}

func spaced(usage string) string {
	if usage == "" {
		return ""
	}
	return " " + usage
}

// parse takes options from the front of the arguments (CommandFormat).
func (r *run) parse(args []string) error {
	r.opts, r.vals = map[string]bool{}, map[string]string{}
	if r.cmd.pre != nil {
		rest, vals, err := r.cmd.pre(args)
		if err != nil {
			return err
		}
		args = rest
		for k, v := range vals {
			r.opts[k], r.vals[k] = true, v
		}
	}
	i := 0
	for i < len(args) {
		a := args[i]
		if !strings.HasPrefix(a, "-") || a == "-" {
			break
		}
		if a == "--" {
			args = slices.Delete(slices.Clone(args), i, i+1)
			break
		}
		name := a[1:]
		switch {
		case slices.Contains(r.cmd.options, name):
			r.opts[name] = true
			args = slices.Delete(slices.Clone(args), i, i+1)
		case slices.Contains(r.cmd.valued, name):
			r.opts[name] = true
			args = slices.Delete(slices.Clone(args), i, i+1)
			if i < len(args) && len(args) > r.cmd.min && !strings.HasPrefix(args[i], "-") {
				r.vals[name] = args[i]
				args = slices.Delete(args, i, i+1)
			}
		default:
			if r.cmd.loose {
				r.args = args
				return r.count()
			}
			return usagef("Illegal option %s", a)
		}
	}
	r.args = args
	return r.count()
}

// count checks the number of arguments.
func (r *run) count() error {
	if n := len(r.args); n < r.cmd.min {
		return usagef("Not enough arguments: expected %d but got %d", r.cmd.min, n)
	} else if r.cmd.max >= 0 && n > r.cmd.max {
		return usagef("Too many arguments: expected %d but got %d", r.cmd.max, n)
	}
	return nil
}

// arguments expands and processes what is left in args.
func (r *run) arguments() error {
	var items []*fsys.Item
	for _, a := range r.args {
		found, err := r.expandArg(a)
		if err != nil {
			var u *usageError
			if errors.As(err, &u) {
				return err
			}
			r.complain(err)
			continue
		}
		items = append(items, found...)
	}
	if r.all != nil {
		return r.all(items)
	}
	return r.each(items)
}

func (r *run) expandArg(a string) ([]*fsys.Item, error) {
	if r.expand != nil {
		return r.expand(a)
	}
	return r.glob(a)
}

// glob is the usual expansion: a pattern has to match something.
func (r *run) glob(a string) ([]*fsys.Item, error) {
	items, err := r.World.Expand(r.ctx, a)
	if err == nil && len(items) == 0 {
		err = fsys.NotFound(a)
	}
	return items, err
}

// each processes the arguments one after the other.
func (r *run) each(items []*fsys.Item) error {
	for _, i := range items {
		err := r.argument(i)
		var u *usageError
		if errors.As(err, &u) || r.ctx.Err() != nil {
			return err
		}
		if err != nil {
			r.complain(err)
		}
	}
	return nil
}

func (r *run) argument(i *fsys.Item) error {
	switch {
	case !i.Exists() && r.absent != nil:
		return r.absent(i)
	case !i.Exists():
		return fsys.NotFound(i.String())
	case r.argDo != nil:
		return r.argDo(i)
	}
	return r.paths(nil, []*fsys.Item{i})
}

// paths processes paths of one level.
func (r *run) paths(parent *fsys.Item, items []*fsys.Item) error {
	if r.before != nil {
		r.before(parent, items)
	}
	for _, i := range items {
		if err := r.path(i); err != nil {
			var u *usageError
			if errors.As(err, &u) {
				return err
			}
			r.complain(err)
			if r.ctx.Err() != nil {
				return nil
			}
		}
	}
	return nil
}

func (r *run) path(i *fsys.Item) error {
	if r.do != nil {
		if err := r.do(i); err != nil {
			return err
		}
	}
	if r.recursive && i.IsDir() && !i.Stat.Link {
		if err := r.descend(i); err != nil {
			return err
		}
	}
	if r.after != nil {
		return r.after(i)
	}
	return nil
}

// descend processes the entries of a directory.
func (r *run) descend(i *fsys.Item) error {
	if r.enter != nil {
		return r.enter(i)
	}
	return r.entries(i)
}

func (r *run) entries(i *fsys.Item) error {
	r.depth++
	defer func() { r.depth-- }()
	children, err := i.Children(r.ctx)
	if err != nil {
		return err
	}
	return r.paths(i, children)
}

// complain prints what failed, the first line of it, and remembers that something did.
func (r *run) complain(err error) {
	r.failures++
	r.out.Flush()
	fmt.Fprintf(r.Stderr, "%s: %s\n", r.cmd.name, Message(err))
}

// Message is the first line of an error as the shell prints it: a namenode's words as it said them.
func Message(err error) string {
	text := err.Error()
	var p *fsys.PathError
	var e *hdfs.Exception
	switch {
	case errors.As(err, &p):
		text = p.Error()
	case errors.As(err, &e):
		text = e.Error()
	}
	first, _, _ := strings.Cut(text, "\n")
	return strings.TrimRight(first, "\r")
}

func (r *run) println(args ...any) { fmt.Fprintln(r.out, args...) }

func (r *run) printf(format string, args ...any) { fmt.Fprintf(r.out, format, args...) }
