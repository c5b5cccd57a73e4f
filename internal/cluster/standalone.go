package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/mapreduce"
)

// StandaloneOptions says what a cluster in one process has.
type StandaloneOptions struct {
	Dir       string // "" is a temporary directory, removed at the end
	Conf      *conf.Conf
	Datanodes int
	Workers   int // 0 leaves batch out
	Query     bool
	Programs  *mapreduce.Registry
	Version   string
	Logger    *slog.Logger
	LogLevel  *slog.LevelVar
}

// Standalone is a cluster in this process.
type Standalone struct {
	Ready Ready
	roles []*Role
	clean func() error
}

// StartStandalone starts the roles one after the other; what fails takes down what has started.
func StartStandalone(ctx context.Context, o StandaloneOptions) (_ *Standalone, err error) {
	s := &Standalone{clean: func() error { return nil }}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "lode-"); err != nil {
			return nil, err
		}
		dir := o.Dir
		s.clean = func() error { return os.RemoveAll(dir) }
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	start := func(role, name string, settings map[string]string, f func(context.Context, *conf.Conf, Options) (*Role, error)) error {
		c := o.Conf
		for k, v := range settings {
			c = c.With(k, v)
		}
		r, err := f(ctx, c, Options{Name: name, Programs: o.Programs, Version: o.Version, Logger: o.Logger, LogLevel: o.LogLevel})
		if err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
		s.roles = append(s.roles, r)
		s.Ready.merge(r.Ready)
		return nil
	}
	dir := func(parts ...string) string { return filepath.Join(append([]string{o.Dir}, parts...)...) }
	own := func(key, path string) map[string]string { // a directory that the user has named stays
		if o.Conf.Explicit(key) {
			return nil
		}
		return map[string]string{key: path}
	}
	if err := start("namenode", "namenode0", own("dfs.namenode.name.dir", dir("namenode0")), StartNamenode); err != nil {
		return nil, err
	}
	o.Conf = o.Conf.With("fs.defaultFS", s.Ready.FS)
	var datanodes []string
	for i := range o.Datanodes {
		settings := map[string]string{"dfs.datanode.data.dir": dir("datanode" + strconv.Itoa(i))}
		if i > 0 { // the well-known ports are the first one's
			for _, k := range []string{"dfs.datanode.address", "dfs.datanode.http.address", "dfs.datanode.ipc.address"} {
				settings[k] = "127.0.0.1:0"
			}
		}
		if err := start("datanode "+strconv.Itoa(i), "datanode"+strconv.Itoa(i), settings, StartDatanode); err != nil {
			return nil, err
		}
		datanodes = append(datanodes, s.Ready.Datanodes[3*i])
	}
	s.Ready.Datanodes = datanodes
	if o.Workers > 0 {
		if err := start("scheduler", "scheduler", nil, StartScheduler); err != nil {
			return nil, err
		}
		for i := range o.Workers {
			settings := map[string]string{"lode.worker.dir": dir("worker" + strconv.Itoa(i)), "lode.scheduler.address": strings.TrimPrefix(s.Ready.Scheduler, "http://"), "lode.worker.host": "localhost"}
			if err := start("worker "+strconv.Itoa(i), "worker"+strconv.Itoa(i), settings, StartWorker); err != nil {
				return nil, err
			}
		}
	}
	if o.Query {
		err := start("query", "query", own("lode.query.dir", dir("query")), StartQuery)
		if errors.Is(err, ErrNoGold) {
			o.Logger.Warn("no tables and no SQL: " + ErrNoGold.Error())
		} else if err != nil {
			return nil, err
		}
	}
	setUpstreams(s.roles[0], s.Ready)
	return s, nil
}

// Failed gets the reason when the namenode cannot go on.
func (s *Standalone) Failed() <-chan error { return s.roles[0].Failed() }

// Close stops the roles in the reverse order of their start, and removes a temporary directory.
func (s *Standalone) Close() error {
	var errs []error
	for _, r := range slices.Backward(s.roles) {
		errs = append(errs, r.Close())
	}
	return errors.Join(append(errs, s.clean())...)
}
