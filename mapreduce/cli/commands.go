package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/mapreduce/files"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Commands are `job` and `streaming`.
func Commands(o Options) []*cli.Command {
	o.defaults()
	c := &o
	return []*cli.Command{
		{Name: "job", Usage: "submit, watch and manage batch jobs", Subcommands: c.jobCommands()},
		{Name: "streaming", Usage: "a job of executables that read lines and write lines (Hadoop Streaming)", SkipFlagParsing: true,
			Action: func(x *cli.Context) error { return c.streaming(x.Context, x.Args().Slice()) }},
	}
}

func flags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringSliceFlag{Name: "D", Usage: "a setting, `KEY=VALUE`; repeatable"},
		&cli.BoolFlag{Name: "json", Usage: "as JSON"},
	}, more...)
}

func (o *Options) jobCommands() []*cli.Command {
	return []*cli.Command{
		{Name: "submit", Usage: "run a built-in program, a job binary or a .go file", ArgsUsage: "PROGRAM ARGUMENTS…", SkipFlagParsing: true, Description: submitUsage,
			Action: func(x *cli.Context) error { return o.submit(x.Context, x.Args().Slice()) }},
		{Name: "local", Usage: "run a built-in program in this process, without a cluster", ArgsUsage: "PROGRAM ARGUMENTS…", SkipFlagParsing: true,
			Action: func(x *cli.Context) error {
				return o.submit(x.Context, append([]string{"--local"}, x.Args().Slice()...))
			}},
		{Name: "programs", Usage: "the built-in programs", Flags: flags(), Action: o.programs},
		{Name: "list", Usage: "the jobs of the scheduler and of its history", Flags: flags(&cli.StringSliceFlag{Name: "state", Usage: "only jobs in this `STATE`"},
			&cli.BoolFlag{Name: "all", Usage: "no effect: all are listed"}), Action: o.with(o.list)},
		{Name: "status", Usage: "one job, its tasks and attempts", ArgsUsage: "JOB", Flags: flags(&cli.BoolFlag{Name: "tasks", Usage: "with tasks and attempts"}), Action: o.with(o.status)},
		{Name: "wait", Usage: "show a job's progress until it ends", ArgsUsage: "JOB", Flags: flags(), Action: o.with(func(x *cli.Context, s *session) error {
			id, err := oneArg(x)
			if err != nil {
				return err
			}
			return o.follow(s, id, x.Bool("json"))
		})},
		{Name: "kill", Usage: "end jobs", ArgsUsage: "JOB…", Flags: flags(), Action: o.with(o.kill)},
		{Name: "logs", Usage: "the logs of a job's attempts", ArgsUsage: "JOB [ATTEMPT]", Flags: flags(&cli.StringFlag{Name: "kind", Usage: "stdout, stderr or syslog"},
			&cli.BoolFlag{Name: "failed", Usage: "only of attempts that failed"}), Action: o.with(o.logs)},
		{Name: "history", Usage: "jobs that have ended, or one with its attempts", ArgsUsage: "[JOB]", Flags: flags(), Action: o.with(o.history)},
		{Name: "counters", Usage: "the counters of a job", ArgsUsage: "JOB [GROUP NAME]", Flags: flags(), Action: o.with(o.counters)},
		{Name: "workers", Usage: "the workers of the scheduler", Flags: flags(), Action: o.with(o.workers)},
	}
}

// with opens a session for an action.
func (o *Options) with(f func(x *cli.Context, s *session) error) cli.ActionFunc {
	return func(x *cli.Context) error {
		c, err := o.LoadConf(x.StringSlice("D"))
		if err != nil {
			return err
		}
		s, err := connect(x.Context, c)
		if err != nil {
			return err
		}
		defer s.close()
		return s.explain(f(x, s))
	}
}

func oneArg(x *cli.Context) (string, error) {
	if x.NArg() != 1 {
		return "", usagef("one job id is needed: lode job %s job_…", x.Command.Name)
	}
	return x.Args().First(), nil
}

func (o *Options) programs(x *cli.Context) error {
	type program struct{ Name, Usage, Description string }
	list := []program{}
	for _, p := range o.Registry.Programs() {
		list = append(list, program{p.Name, p.Usage, p.Description})
	}
	if x.Bool("json") {
		return json.NewEncoder(o.Stdout).Encode(list)
	}
	t := table(o.Stdout)
	for _, p := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\n", p.Name, p.Usage, p.Description)
	}
	return t.Flush()
}

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0) }

func when(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.UnixMilli(ms).Format("2006-01-02 15:04:05")
}

func took(j *batchpb.Job) string {
	if j.StartedMs == 0 {
		return "-"
	}
	end := j.FinishedMs
	if end == 0 {
		end = time.Now().UnixMilli()
	}
	return (time.Duration(end-j.StartedMs) * time.Millisecond).Round(10 * time.Millisecond).String()
}

func (o *Options) printJobs(jobs []*batchpb.Job) error {
	t := table(o.Stdout)
	fmt.Fprintln(t, "JobId\tName\tState\tStartTime\tTook\tUserName\tQueue\tMaps\tReduces")
	for _, j := range jobs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d/%d\t%d/%d\n", j.Spec.Id, j.Name, j.State, when(j.StartedMs), took(j), j.Spec.User, j.Spec.Queue, j.MapsDone, j.MapsTotal,
			j.ReducesDone, j.ReducesTotal)
	}
	return t.Flush()
}

func (o *Options) list(x *cli.Context, s *session) error {
	resp, err := s.batch.List(s.ctx, &batchpb.ListRequest{States: x.StringSlice("state")})
	if err != nil {
		return err
	}
	if x.Bool("json") {
		return printProto(o.Stdout, resp)
	}
	fmt.Fprintf(o.Stdout, "Total jobs:%d\n", len(resp.Jobs))
	return o.printJobs(resp.Jobs)
}

func (o *Options) status(x *cli.Context, s *session) error {
	id, err := oneArg(x)
	if err != nil {
		return err
	}
	j, err := s.batch.Get(s.ctx, &batchpb.GetRequest{Id: id, Tasks: true})
	if err != nil {
		return err
	}
	if x.Bool("json") {
		return printProto(o.Stdout, j)
	}
	w := o.Stdout
	fmt.Fprintf(w, "Job: %s\nName: %s\nUser: %s\nQueue: %s\nJob state: %s\nUber: %v\nStarted: %s\nFinished: %s\nTook: %s\n", j.Spec.Id, j.Name, j.Spec.User, j.Spec.Queue, j.State, j.Uber,
		when(j.StartedMs), when(j.FinishedMs), took(j))
	fmt.Fprintf(w, "Program: %s %s\n", j.Spec.Program, strings.Join(j.Spec.Args, " "))
	if j.Stages > 1 {
		fmt.Fprintf(w, "Stage: %d of %d\n", j.Stage+1, j.Stages)
	}
	fmt.Fprintf(w, "Number of maps: %d (%d done, %d running)\nNumber of reduces: %d (%d done, %d running)\n", j.MapsTotal, j.MapsDone, j.MapsRunning, j.ReducesTotal, j.ReducesDone,
		j.ReducesRunning)
	fmt.Fprintf(w, "map() completion: %.4g\nreduce() completion: %.4g\n", j.MapProgress, j.ReduceProgress)
	if j.Diagnostics != "" {
		fmt.Fprintf(w, "Diagnostics: %s\n", j.Diagnostics)
	}
	if x.Bool("tasks") {
		if err := o.printAttempts(j); err != nil {
			return err
		}
	}
	printCounters(w, j, "")
	return nil
}

func (o *Options) printAttempts(j *batchpb.Job) error {
	t := table(o.Stdout)
	fmt.Fprintln(t, "Attempt\tState\tHost\tTook\tLocality\tInput\tLast word")
	for _, task := range j.Tasks {
		for _, a := range task.Attempts {
			last := a.Error
			if last == "" {
				last = a.Status
			}
			d := "-"
			if a.FinishedMs > 0 {
				d = (time.Duration(a.FinishedMs-a.StartedMs) * time.Millisecond).String()
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Id, a.State, a.Host, d, a.Locality, task.Input, oneLine(last))
		}
	}
	return t.Flush()
}

func (o *Options) kill(x *cli.Context, s *session) error {
	if x.NArg() == 0 {
		return usagef("which job? lode job kill job_…")
	}
	for _, id := range x.Args().Slice() {
		r, err := s.batch.Kill(s.ctx, &batchpb.KillRequest{Id: id, By: files.User()})
		if err != nil {
			return err
		}
		if r.WasRunning {
			fmt.Fprintf(o.Stdout, "Killed job %s\n", id)
		} else {
			fmt.Fprintf(o.Stdout, "Job %s has already ended: %s\n", id, r.State)
		}
	}
	return nil
}

func (o *Options) logs(x *cli.Context, s *session) error {
	if x.NArg() < 1 || x.NArg() > 2 {
		return usagef("lode job logs JOB [ATTEMPT]")
	}
	resp, err := s.batch.Logs(s.ctx, &batchpb.LogsRequest{Id: x.Args().Get(0), Attempt: x.Args().Get(1), Kind: x.String("kind")})
	if err != nil {
		return err
	}
	if x.Bool("failed") {
		j, err := s.batch.Get(s.ctx, &batchpb.GetRequest{Id: x.Args().Get(0), Tasks: true})
		if err != nil {
			return err
		}
		failed := map[string]bool{}
		for _, t := range j.Tasks {
			for _, a := range t.Attempts {
				failed[a.Id] = a.State == "FAILED"
			}
		}
		kept := resp.Logs[:0]
		for _, l := range resp.Logs {
			if failed[l.Attempt] {
				kept = append(kept, l)
			}
		}
		resp.Logs = kept
	}
	if x.Bool("json") {
		return printProto(o.Stdout, resp)
	}
	for _, l := range resp.Logs {
		fmt.Fprintf(o.Stdout, "==> %s %s on %s <==\n%s\n", l.Attempt, l.Kind, l.Worker, l.Text)
		if l.Error != "" {
			fmt.Fprintf(o.Stdout, "(%s)\n", l.Error)
		}
	}
	if len(resp.Logs) == 0 {
		return o.noLogs(s, x.Args().First(), x.Args().Get(1))
	}
	return nil
}

// noLogs says what there is instead of logs: attempts that have written nothing, or what stopped the job before any ran.
func (o *Options) noLogs(s *session, id, attempt string) error {
	j, err := s.batch.Get(s.ctx, &batchpb.GetRequest{Id: id, Tasks: true})
	if err != nil {
		return err
	}
	n := 0
	for _, t := range j.Tasks {
		for _, a := range t.Attempts {
			if n++; a.Id == attempt {
				_, err := fmt.Fprintf(o.Stdout, "%s (%s) has written nothing\n", a.Id, a.State)
				return err
			}
		}
	}
	if attempt != "" {
		return fmt.Errorf("job %s has no attempt %s (`lode job status --tasks %s` lists them)", id, attempt, id)
	}
	_, err = fmt.Fprintf(o.Stdout, "job %s is %s; its %d attempts have written nothing\n", id, j.State, n)
	if j.Diagnostics != "" && err == nil {
		_, err = fmt.Fprintln(o.Stdout, j.Diagnostics)
	}
	return err
}

func (o *Options) history(x *cli.Context, s *session) error {
	if x.NArg() == 0 {
		resp, err := s.batch.List(s.ctx, &batchpb.ListRequest{States: []string{"SUCCEEDED", "FAILED", "KILLED"}})
		if err != nil {
			return err
		}
		if x.Bool("json") {
			return printProto(o.Stdout, resp)
		}
		return o.printJobs(resp.Jobs)
	}
	j, err := s.batch.Get(s.ctx, &batchpb.GetRequest{Id: x.Args().First(), Tasks: true})
	if err != nil {
		return err
	}
	if x.Bool("json") {
		return printProto(o.Stdout, j)
	}
	if err := o.printJobs([]*batchpb.Job{j}); err != nil {
		return err
	}
	return o.printAttempts(j)
}

func (o *Options) counters(x *cli.Context, s *session) error {
	if n := x.NArg(); n != 1 && n != 3 {
		return usagef("lode job counters JOB [GROUP NAME]")
	}
	j, err := s.batch.Get(s.ctx, &batchpb.GetRequest{Id: x.Args().First()})
	if err != nil {
		return err
	}
	if x.NArg() == 3 {
		fmt.Fprintln(o.Stdout, countersJSON(j)[x.Args().Get(1)][x.Args().Get(2)])
		return nil
	}
	if x.Bool("json") {
		return json.NewEncoder(o.Stdout).Encode(countersJSON(j))
	}
	printCounters(o.Stdout, j, "")
	return nil
}

func (o *Options) workers(x *cli.Context, s *session) error {
	info, err := s.batch.Cluster(s.ctx, &batchpb.ClusterRequest{})
	if err != nil {
		return err
	}
	if x.Bool("json") {
		return printProto(o.Stdout, info)
	}
	t := table(o.Stdout)
	fmt.Fprintln(t, "Worker\tHost\tAddress\tState\tSlots\tRunning\tMemory")
	for _, w := range info.Workers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d MB\n", w.Id, w.Host, w.Address, w.State, w.Slots, len(w.Running), w.MemoryMb)
	}
	return t.Flush()
}
