package taskproc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/task"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Options is what a task process needs from its binary.
type Options struct {
	Build  func(spec *batchpb.JobSpec) (*mapreduce.Job, error)
	OpenFS func(conf map[string]string) (mapreduce.FS, error)
}

// Is tells whether this process was started as a task process.
func Is() bool { return os.Getenv(Cookie) != "" }

// Main serves the inherited socket until the worker closes it. It returns the process's exit code.
func Main(o Options) int {
	if v := os.Getenv(Cookie); v != Version {
		fmt.Fprintf(os.Stderr, "this binary speaks task protocol %s, the worker %s: build the job with the cluster's version\n", Version, v)
		return 1
	}
	_ = os.Unsetenv(Cookie) // children of the job are not task processes
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	syscall.CloseOnExec(FD)
	conn := os.NewFile(FD, "worker")
	if conn == nil {
		fmt.Fprintln(os.Stderr, "no socket from the worker: a task process is started by a worker, not by hand")
		return 1
	}
	if err := Serve(context.Background(), conn, o); err != nil {
		fmt.Fprintln(os.Stderr, "task process:", err)
		return 1
	}
	return 0
}

// Serve runs the attempts that arrive on conn until its end. A reader of its own sees the end while an attempt runs, and cancels it:
// a worker that goes away takes the process with it.
func Serve(ctx context.Context, conn io.ReadWriter, o Options) error {
	in := bufio.NewReader(conn)
	var mu sync.Mutex // guards writes to conn
	send := func(m *batchpb.FromTask) error {
		mu.Lock()
		defer mu.Unlock()
		return WriteMessage(conn, m)
	}
	var first batchpb.ToTask
	if err := ReadMessage(in, &first); err != nil {
		return endOK(err)
	}
	hello := first.GetHello()
	if hello == nil {
		return errors.New("the worker did not say hello")
	}
	fsys, err := o.OpenFS(hello.Conf)
	if err != nil {
		return fmt.Errorf("open the file system: %w", err)
	}
	if err := send(&batchpb.FromTask{What: &batchpb.FromTask_Hello{Hello: &batchpb.Hello{Version: 1}}}); err != nil {
		return err
	}
	env := &task.Env{Build: o.Build, FS: fsys, JobDir: hello.JobDir, LogDir: hello.LogDir, HTTP: http.DefaultClient, Now: time.Now, Defaults: defaults(hello.Conf),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Report: func(s *batchpb.TaskStatus) { _ = send(&batchpb.FromTask{What: &batchpb.FromTask_Status{Status: s}}) }}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	specs := make(chan *batchpb.TaskSpec, 1)
	ended := make(chan error, 1)
	go func() { // ends with the connection, which the worker closes
		defer close(specs)
		for {
			var m batchpb.ToTask
			if err := ReadMessage(in, &m); err != nil {
				cancel(errors.New("the worker is gone"))
				ended <- endOK(err)
				return
			}
			if spec := m.GetRun(); spec != nil {
				specs <- spec
			}
		}
	}()
	for spec := range specs {
		r := task.Run(ctx, env, spec)
		if ctx.Err() != nil {
			break
		}
		if err := send(&batchpb.FromTask{What: &batchpb.FromTask_Result{Result: r}}); err != nil {
			return endOK(err)
		}
	}
	return <-ended
}

func endOK(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// defaults are the cluster's settings that jobs may see.
func defaults(all map[string]string) *mapreduce.Conf {
	c := mapreduce.NewConf(nil)
	for k, v := range all {
		if strings.HasPrefix(k, "lode.warehouse.") || strings.HasPrefix(k, "lode.raw.") || strings.HasPrefix(k, "mapreduce.") {
			c.Set(k, v)
		}
	}
	return c
}
