package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/files"
	"github.com/lodehq/lode/mapreduce/task"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// local runs a built-in program, or one of this binary, in this process: no scheduler, no worker, and nothing is repeated.
func (o *Options) local(ctx context.Context, sub *submission) error {
	c, err := o.LoadConf(sub.generic.defines)
	if err != nil {
		return err
	}
	if len(sub.generic.files)+len(sub.generic.archives) > 0 {
		return usagef("--local ships nothing: name the files where they are")
	}
	if _, ok := o.Registry.Lookup(sub.program); !ok {
		return usagef("no program %q for --local (`lode job programs` lists those); a binary of yours runs with `./binary local %s …`", sub.program, sub.program)
	}
	settings := mapreduce.NewConf(jobConf(c.Pairs(), sub.generic.pairs()))
	job, err := o.Registry.BuildJob(&mapreduce.Invocation{Program: sub.program, Args: sub.args, Conf: settings})
	if err != nil {
		return usagef("%s", err.Error())
	}
	fsys, err := files.Open(c)
	if err != nil {
		return err
	}
	res, err := task.Local(ctx, job, task.LocalOptions{FS: fsys, Conf: settings})
	if err := errors.Join(err, fsys.Close()); err != nil {
		return err
	}
	if sub.json {
		return json.NewEncoder(o.Stdout).Encode(map[string]any{"elapsed_ms": res.Elapsed.Milliseconds(),
			"counters": countersJSON(&batchpb.Job{Counters: task.CountersToProto(res.Counters)})})
	}
	PrintCounters(o.Stderr, res.Counters)
	_, err = fmt.Fprintf(o.Stderr, "one process, %v\n", res.Elapsed)
	return err
}
