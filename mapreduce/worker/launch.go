package worker

import (
	"bufio"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/taskproc"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Launcher starts what runs the attempts of a job.
type Launcher interface {
	Launch(ctx context.Context, job *batchpb.JobSpec, dirs Dirs) (Process, error)
}

// Dirs are the places of a job on this machine.
type Dirs struct {
	Job  string
	Logs string
}

// Process runs attempts of one job, one at a time.
type Process interface {
	// Run runs an attempt. When ctx ends it is killed, and the process with it.
	Run(ctx context.Context, spec *batchpb.TaskSpec, report func(*batchpb.TaskStatus)) (*batchpb.TaskResult, error)
	Close()
}

// ProcessLauncher starts real processes: the worker's own binary for built-in jobs, the user's for others.
type ProcessLauncher struct {
	Exe      string            // the worker's own binary
	FS       mapreduce.FS      // where users' binaries are
	Cache    string            // directory for them
	Conf     map[string]string // for the task's file system
	MemoryMB int64             // of a process: Go's soft limit, and what a guard kills beyond; 0 is none
	mu       sync.Mutex        // guards the download of binaries; held over I/O on purpose: one download at a time
}

// socketpair makes two connected sockets that other children of this process do not inherit.
func socketpair() (fds [2]int, err error) {
	syscall.ForkLock.RLock() // no child may be made between the two calls
	defer syscall.ForkLock.RUnlock()
	if fds, err = syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	return fds, err
}

// Launch implements Launcher.
func (l *ProcessLauncher) Launch(ctx context.Context, job *batchpb.JobSpec, dirs Dirs) (Process, error) {
	exe := l.Exe
	if job.Binary != "" {
		var err error
		if exe, err = l.binary(ctx, job); err != nil {
			return nil, fmt.Errorf("fetch the job's binary: %w", err)
		}
	}
	fds, err := socketpair()
	if err != nil {
		return nil, fmt.Errorf("make a socket for the task process: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "task"), os.NewFile(uintptr(fds[1]), "worker")
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err := errors.Join(err, ours.Close()); err != nil {
		return nil, fmt.Errorf("make a socket for the task process: %w", err)
	}
	if err := os.MkdirAll(dirs.Logs, 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dirs.Logs, "process.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(exe)
	cmd.Args = []string{exe, "(task of " + job.Id + ")"}
	cmd.Env = taskEnv(l.Exe, l.MemoryMB)
	cmd.Dir = dirs.Job
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start task process %s: %w", exe, err), conn.Close())
	}
	p := &process{cmd: cmd, conn: conn, in: bufio.NewReader(conn), exited: make(chan struct{}), guarded: make(chan struct{}),
		guard: newGuard(cmd.Process.Pid, job, dirs.Logs, l.MemoryMB)}
	go func() { // ends when the process does
		p.waitErr = cmd.Wait()
		close(p.exited)
	}()
	go func() { // likewise
		defer close(p.guarded)
		p.killedFor = p.guard.watch(p.exited)
	}()
	hello := &batchpb.Hello{Version: 1, JobDir: dirs.Job, LogDir: dirs.Logs, Conf: l.Conf}
	if err := p.handshake(hello); err != nil {
		p.Close()
		return nil, fmt.Errorf("task process %s did not answer (%v): is it a binary made with mapreduce/run? %s", filepath.Base(exe), p.exitText(), tail(filepath.Join(dirs.Logs, "process.log")))
	}
	return p, nil
}

// taskEnv is the cleaned environment of a task: no secrets of the worker's get in.
func taskEnv(exe string, memoryMB int64) []string {
	env := []string{taskproc.Cookie + "=" + taskproc.Version}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case name == "PATH": // lode-gold lies beside lode
			env = append(env, kv+":"+filepath.Dir(exe))
		case name == "HOME", name == "LANG", strings.HasPrefix(name, "LC_"), name == "TZ", name == "USER", name == "LOGNAME", name == "SHELL",
			name == "HADOOP_USER_NAME", name == "HADOOP_CONF_DIR", name == "HADOOP_HOME", name == "LODE_FS", name == "LODE_GOLD", name == "GOMAXPROCS":
			env = append(env, kv)
		}
	}
	if memoryMB > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(memoryMB*9/10, 10)+"MiB")
	}
	return env
}

// binary returns the local copy of a job's binary.
func (l *ProcessLauncher) binary(ctx context.Context, job *batchpb.JobSpec) (_ string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := job.BinarySha256
	if len(sum) != 64 {
		return "", errors.New("the submission names no SHA-256 for it")
	}
	local := filepath.Join(l.Cache, sum)
	if _, err := os.Stat(local); err == nil {
		return local, nil
	}
	if err := os.MkdirAll(l.Cache, 0o755); err != nil {
		return "", err
	}
	in, err := l.FS.Open(ctx, job.Binary)
	if err != nil {
		return "", err
	}
	defer in.Close()
	tmp, err := os.CreateTemp(l.Cache, ".get-")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(tmp, hash), in)
	if err = errors.Join(err, tmp.Chmod(0o755), tmp.Close()); err != nil {
		return "", err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sum {
		return "", fmt.Errorf("%s has SHA-256 %s, %s was submitted", job.Binary, got, sum)
	}
	if err := CheckBinary(tmp.Name(), runtime.GOARCH); err != nil {
		return "", err
	}
	return local, os.Rename(tmp.Name(), local)
}

// CheckBinary refuses what this kind of machine cannot run, by its ELF header.
func CheckBinary(file, arch string) error {
	f, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("not a Linux executable (%v): submit a static Go binary, or a .go file", err)
	}
	defer f.Close()
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	if f.Machine != want {
		return fmt.Errorf("built for %v, the cluster's machines are %s: build with GOARCH=%s", f.Machine, arch, arch)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("dynamically linked: build with CGO_ENABLED=0")
		}
	}
	return nil
}

type process struct {
	cmd     *exec.Cmd
	conn    net.Conn
	in      *bufio.Reader
	exited  chan struct{}
	waitErr error
	once    sync.Once

	guarded   chan struct{}
	guard     *guard
	killedFor string // by the guard; to be read after guarded is closed
}

const handshakeTimeout = 30 * time.Second

func (p *process) handshake(hello *batchpb.Hello) error {
	if err := p.conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	if err := taskproc.WriteMessage(p.conn, &batchpb.ToTask{What: &batchpb.ToTask_Hello{Hello: hello}}); err != nil {
		return err
	}
	var m batchpb.FromTask
	if err := taskproc.ReadMessage(p.in, &m); err != nil {
		return err
	}
	if m.GetHello() == nil {
		return errors.New("no hello")
	}
	return p.conn.SetDeadline(time.Time{})
}

// Run implements Process.
func (p *process) Run(ctx context.Context, spec *batchpb.TaskSpec, report func(*batchpb.TaskStatus)) (*batchpb.TaskResult, error) {
	stop := context.AfterFunc(ctx, p.Close)
	defer stop()
	defer p.guard.trimLogs() // an attempt may be shorter than the guard's round
	if err := taskproc.WriteMessage(p.conn, &batchpb.ToTask{What: &batchpb.ToTask_Run{Run: spec}}); err != nil {
		return nil, fmt.Errorf("task process is gone (%s)", p.exitText())
	}
	for {
		var m batchpb.FromTask
		if err := taskproc.ReadMessage(p.in, &m); err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, fmt.Errorf("task process ended in the middle of the attempt: %s", p.exitText())
		}
		if s := m.GetStatus(); s != nil {
			report(s)
		}
		if r := m.GetResult(); r != nil && r.AttemptId == spec.AttemptId {
			return r, nil
		}
	}
}

func (p *process) exitText() string {
	p.Close()
	if p.killedFor != "" {
		return p.killedFor
	}
	if p.waitErr == nil {
		return "exit status 0"
	}
	return p.waitErr.Error()
}

// Close kills the whole process group and waits.
func (p *process) Close() {
	p.once.Do(func() {
		_ = p.conn.Close()
		select { // one that is idle ends by itself when its socket closes
		case <-p.exited:
		case <-time.After(200 * time.Millisecond):
		}
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	})
	<-p.exited
	<-p.guarded
}

func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	if len(b) > 500 {
		b = b[len(b)-500:]
	}
	return strings.TrimSpace(string(b))
}
