package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"golang.org/x/term"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/task"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// progress prints what Hadoop's client prints while a job runs: lines in a pipe, one moving line on a terminal.
type progress struct {
	w        io.Writer
	terminal bool
	last     string
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

func (p *progress) show(j *batchpb.Job) {
	text := fmt.Sprintf(" map %d%% reduce %d%%", int(100*j.MapProgress), int(100*j.ReduceProgress))
	if j.Stages > 1 {
		text += fmt.Sprintf(" (stage %d of %d)", j.Stage+1, j.Stages)
	}
	if j.Phase == "commit" {
		text += " committing"
	}
	if text == p.last {
		return
	}
	p.last = text
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	} else {
		fmt.Fprintf(p.w, "%s mapreduce.Job: %s\n", stamp(), text)
	}
}

func (p *progress) end() {
	if p.terminal && p.last != "" {
		fmt.Fprintln(p.w)
	}
}

func stamp() string { return time.Now().Format("2006-01-02 15:04:05,000") + " INFO" }

// wait waits for a job's end, showing its progress. A scheduler that restarts is waited for.
func (s *session) wait(id string, show *progress) (*batchpb.Job, error) {
	version := int64(-1)
	silent := 0
	for {
		j, err := s.batch.Get(s.ctx, &batchpb.GetRequest{Id: id, WaitVersion: max(version, 0)})
		if status.Code(err) == codes.Unavailable && silent < 120 && s.ctx.Err() == nil {
			silent++
			version = -1 // versions begin anew
			select {
			case <-s.ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
			continue
		}
		if err != nil {
			return nil, s.explain(err)
		}
		silent = 0
		if show != nil {
			show.show(j)
		}
		if j.FinishedMs > 0 {
			if show != nil {
				show.end()
			}
			return j, nil
		}
		version = j.Version
	}
}

// report prints the end of a job as Hadoop's client does.
func report(w io.Writer, j *batchpb.Job) {
	switch j.State {
	case "SUCCEEDED":
		fmt.Fprintf(w, "%s mapreduce.Job: Job %s completed successfully\n", stamp(), j.Spec.Id)
	default:
		fmt.Fprintf(w, "%s mapreduce.Job: Job %s failed with state %s due to: %s\n", stamp(), j.Spec.Id, j.State, j.Diagnostics)
	}
	printCounters(w, j, stamp()+" mapreduce.Job: ")
}

// printCounters prints groups and counters: the title on a line, `name=number` indented below.
func printCounters(w io.Writer, j *batchpb.Job, prefix string) {
	groups := task.CountersFromProto(j.Counters).Groups()
	if len(groups) == 0 {
		return
	}
	n := 0
	for _, g := range groups {
		n += len(g.Counters)
	}
	fmt.Fprintf(w, "%sCounters: %d\n", prefix, n)
	for _, g := range groups {
		fmt.Fprintf(w, "\t%s\n", g.Title)
		for _, c := range g.Counters {
			fmt.Fprintf(w, "\t\t%s=%d\n", c.Title, c.Value)
		}
	}
}

func printProto(w io.Writer, m proto.Message) error {
	b, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return err
	}
	var v any // protojson's spacing is random on purpose; ours is not
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if b, err = json.MarshalIndent(v, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// countersJSON is group → name → value.
func countersJSON(j *batchpb.Job) map[string]map[string]int64 {
	out := map[string]map[string]int64{}
	for _, g := range task.CountersFromProto(j.Counters).Groups() {
		m := map[string]int64{}
		for _, c := range g.Counters {
			m[c.Name] = c.Value
		}
		out[g.Name] = m
	}
	return out
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// PrintCounters prints counters as Hadoop's client does.
func PrintCounters(w io.Writer, v mapreduce.CounterValues) {
	printCounters(w, &batchpb.Job{Counters: task.CountersToProto(v)}, "")
}
