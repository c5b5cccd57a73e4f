package distcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/lodehq/lode/mapreduce"
)

// finish is the output: it takes the directories that were made, and does at the end what needs all files in place.
type finish struct{ o *options }

var _ mapreduce.OutputFormat = finish{}

// Check implements mapreduce.OutputFormat: the target may exist.
func (f finish) Check(context.Context, mapreduce.OutputEnv) error { return nil }

// Open implements mapreduce.OutputFormat.
func (f finish) Open(context.Context, mapreduce.OutputEnv) (mapreduce.TaskOutput, error) {
	return &directories{}, nil
}

// directories gathers the directories of one task.
type directories struct{ list []item }

func (d *directories) Write(from, to []byte) error {
	d.list = append(d.list, item{From: string(from), To: string(to), Dir: true})
	return nil
}
func (d *directories) Close() ([]byte, error) { return json.Marshal(d.list) }
func (d *directories) Abort() error           { return nil }

// Commit implements mapreduce.OutputFormat: -delete, then the attributes of directories, deepest first.
func (f finish) Commit(ctx context.Context, env mapreduce.OutputEnv, payloads [][]byte) error {
	if f.o.remove {
		if err := f.removeOthers(ctx, env); err != nil {
			return err
		}
	}
	if f.o.keep == "" {
		return nil
	}
	var dirs []item
	for _, b := range payloads {
		var some []item
		if len(b) == 0 {
			continue
		}
		if err := json.Unmarshal(b, &some); err != nil {
			return err
		}
		dirs = append(dirs, some...)
	}
	for n := len(dirs) - 1; n >= 0; n-- {
		if err := keep(ctx, env.FS, dirs[n], f.o.keep); err != nil {
			return err
		}
	}
	return nil
}

// removeOthers removes from the target what the sources do not have.
func (f finish) removeOthers(ctx context.Context, env mapreduce.OutputEnv) error {
	roots, err := f.o.roots(ctx, env.FS)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, r := range roots {
		err := walk(ctx, env.FS, r, func(i item) error {
			wanted[i.To] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	return f.prune(ctx, env, f.o.target, wanted)
}

func (f finish) prune(ctx context.Context, env mapreduce.OutputEnv, dir string, wanted map[string]bool) error {
	st, err := env.FS.Stat(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && !st.Dir) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := env.FS.List(ctx, dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		p := dir + "/" + e.Name
		switch {
		case !wanted[p]:
			if err := env.FS.Remove(ctx, p, true); err != nil {
				return fmt.Errorf("-delete: %w", err)
			}
		case e.Dir:
			if err := f.prune(ctx, env, p, wanted); err != nil {
				return err
			}
		}
	}
	return nil
}

// Abort implements mapreduce.OutputFormat: attempts have removed their hidden files; copied ones stay, and -update goes on with them.
func (f finish) Abort(context.Context, mapreduce.OutputEnv) error { return nil }
