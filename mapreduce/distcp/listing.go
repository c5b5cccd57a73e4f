package distcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

// listing is the input: every file of the sources.
type listing struct{ o *options }

// root is where one source goes.
type root struct{ from, to string }

// roots applies Hadoop's rule: a source goes into a target directory under its own name; with -update and -overwrite, or as the only
// source of a target that does not exist, its contents become the target's.
func (o *options) roots(ctx context.Context, fsys mapreduce.FS) ([]root, error) {
	st, err := fsys.Stat(ctx, o.target)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look at the target: %w", err)
	}
	if exists && !st.Dir && len(o.sources) > 1 {
		return nil, &mapreduce.UsageError{Program: "distcp", Usage: usage, Message: "several sources cannot be copied onto the file " + o.target}
	}
	var out []root
	for _, s := range o.sources {
		src, err := fsys.Stat(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s, err)
		}
		to := o.target
		switch {
		case isRoot(s): // it has no name to go under
		case exists && !st.Dir && src.Dir:
			return nil, &mapreduce.UsageError{Program: "distcp", Usage: usage, Message: fmt.Sprintf("the directory %s cannot be copied onto the file %s", s, o.target)}
		case exists && !st.Dir:
		case !src.Dir && (exists || len(o.sources) > 1), src.Dir && !o.update && !o.overwrite && (exists || len(o.sources) > 1):
			to += "/" + base(s)
		}
		out = append(out, root{s, to})
	}
	return out, nil
}

// isRoot tells whether a source is a whole file system.
func isRoot(s string) bool {
	_, rest, found := strings.Cut(s, "://")
	return s == "/" || (found && !strings.Contains(rest, "/"))
}

// walk lists a root, directories before what is in them.
func walk(ctx context.Context, fsys mapreduce.FS, r root, f func(item) error) error {
	st, err := fsys.Stat(ctx, r.from)
	if err != nil {
		return err
	}
	if err := f(item{From: r.from, To: r.to, Size: st.Size, Dir: st.Dir}); err != nil || !st.Dir {
		return err
	}
	list, err := fsys.List(ctx, r.from)
	if err != nil {
		return err
	}
	for _, e := range list {
		one := root{strings.TrimSuffix(r.from, "/") + "/" + e.Name, r.to + "/" + e.Name}
		if e.Dir {
			err = walk(ctx, fsys, one, f)
		} else {
			err = f(item{From: one.from, To: one.to, Size: e.Size})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Splits implements mapreduce.InputFormat: files dealt out so that the tasks' bytes are about equal, directories with the first.
func (l listing) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	roots, err := l.o.roots(ctx, env.FS)
	if err != nil {
		return nil, err
	}
	var dirs, all []item
	targets := map[string]string{}
	for _, r := range roots {
		err := walk(ctx, env.FS, r, func(i item) error {
			if i.Dir {
				dirs = append(dirs, i)
				return nil
			}
			if other, twice := targets[i.To]; twice {
				return &mapreduce.UsageError{Program: "distcp", Usage: usage, Message: fmt.Sprintf("%s and %s would both become %s", other, i.From, i.To)}
			}
			targets[i.To] = i.From
			all = append(all, i)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	sort.SliceStable(all, func(a, b int) bool { return all[a].Size > all[b].Size })
	lots := make([][]item, max(1, min(l.o.maps, len(all))))
	loads := make([]int64, len(lots))
	lots[0] = dirs
	for _, f := range all {
		least := 0
		for i := range loads {
			if loads[i] < loads[least] {
				least = i
			}
		}
		lots[least] = append(lots[least], f)
		loads[least] += f.Size + 1<<20 // a file has its price whatever its size
	}
	var out []mapreduce.Split
	for i, lot := range lots {
		b, err := json.Marshal(lot)
		if err != nil {
			return nil, err
		}
		out = append(out, mapreduce.Split{Length: loads[i], Extra: b})
	}
	return out, nil
}

// Open implements mapreduce.InputFormat.
func (l listing) Open(_ context.Context, s mapreduce.Split, _ mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	r := &itemReader{}
	return r, json.Unmarshal(s.Extra, &r.items)
}

type itemReader struct {
	items []item
	at    int
}

func (r *itemReader) Next() (key, value []byte, err error) {
	if r.at == len(r.items) {
		return nil, nil, io.EOF
	}
	value, err = json.Marshal(r.items[r.at])
	r.at++
	return nil, value, err
}

func (r *itemReader) Progress() float64 {
	if len(r.items) == 0 {
		return 1
	}
	return float64(r.at) / float64(len(r.items))
}

func (r *itemReader) Close() error { return nil }
