package training

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
)

// sleep does nothing for a while, in as many maps as mapreduce.job.maps says, and fails if told so: for trying out the platform.
func sleep() mapreduce.Program {
	const usage = "[<seconds> [<exit status>]]"
	return mapreduce.Program{Name: "sleep", Usage: usage, Description: "waits, then succeeds, or fails if the status is not 0", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		args := inv.Args
		if len(args) == 0 {
			args = []string{"1"}
		}
		if len(args) > 2 {
			return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: "at most two arguments are needed"}
		}
		seconds, err := strconv.ParseFloat(args[0], 64)
		status := "0"
		if len(args) == 2 {
			status = args[1]
		}
		if err != nil || seconds < 0 {
			return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: fmt.Sprintf("%q is no number of seconds", args[0])}
		}
		maps := int(inv.Conf.Int(1, "mapreduce.job.maps"))
		return mapreduce.SingleStage("sleep", &mapreduce.Stage{Output: format.Null{},
			Inputs: []mapreduce.Input{{Format: format.Range{Total: int64(maps), Tasks: maps}, Mapper: mapreduce.MapFunc(func(c *mapreduce.Context, _, _ []byte) error {
				t := time.NewTimer(time.Duration(seconds * float64(time.Second)))
				defer t.Stop()
				select {
				case <-t.C:
				case <-c.Context().Done():
					return context.Cause(c.Context())
				}
				if status != "0" {
					return fmt.Errorf("asked to fail with status %s", status)
				}
				return nil
			})}}}), nil
	}}
}
