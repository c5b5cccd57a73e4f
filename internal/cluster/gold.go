package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ErrNoGold says that lode-gold is not installed.
var ErrNoGold = errors.New("lode-gold is missing: it holds tables, ingestion and SQL; put it beside lode or on PATH (make build makes both)")

// FindGold is the path of lode-gold: beside the lode binary, then on PATH.
func FindGold(exe string) (string, error) {
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	beside := filepath.Join(filepath.Dir(exe), "lode-gold")
	if st, err := os.Stat(beside); err == nil && !st.IsDir() {
		return beside, nil
	}
	if p, err := exec.LookPath("lode-gold"); err == nil {
		return p, nil
	}
	return "", ErrNoGold
}

// Gold keeps `lode-gold serve` running: a crash (an out-of-memory query included) brings it back on the same ports.
type Gold struct {
	Path      string
	Args      []string // of lode-gold; the ready file is added
	Env       []string // over this process's: KEY=VALUE
	ReadyFile string
	Output    io.Writer // its stdout and stderr
	Logger    *slog.Logger
}

// Run supervises lode-gold until ctx ends, then stops it. onReady is called after each start with what its ready file says;
// what it returns are the arguments of the next start (to keep the ports), nil for no change. The first start's failure is returned; later ones are retried with growing pauses.
func (g *Gold) Run(ctx context.Context, onReady func(Ready) []string) error {
	pause := 100 * time.Millisecond
	for first := true; ; first = false {
		began := time.Now()
		err := g.once(ctx, func(r Ready) {
			if args := onReady(r); args != nil {
				g.Args = args
			}
			first = false
		})
		if ctx.Err() != nil {
			return nil
		}
		if first && err != nil {
			return err
		}
		if time.Since(began) > time.Minute {
			pause = 100 * time.Millisecond
		}
		g.Logger.Warn("lode-gold ended; starting it again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, 10*time.Second)
	}
}

func (g *Gold) once(ctx context.Context, onReady func(Ready)) error {
	if err := ignoreMissing(os.Remove(g.ReadyFile)); err != nil {
		return err
	}
	args := append(append([]string{}, g.Args...), "--ready-file", g.ReadyFile, "--watch-parent")
	cmd := exec.Command(g.Path, args...)
	cmd.Stdout, cmd.Stderr = g.Output, g.Output
	cmd.Env = append(os.Environ(), g.Env...)
	leash, err := cmd.StdinPipe() // closes when we die, however we die
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start lode-gold: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for ready := false; ; {
		select {
		case err := <-exited:
			if err == nil {
				err = errors.New("lode-gold ended by itself")
			}
			return fmt.Errorf("lode-gold: %w", err)
		case <-ctx.Done():
			leash.Close()
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return err
			}
			select {
			case <-exited:
			case <-time.After(10 * time.Second):
				err := cmd.Process.Kill()
				<-exited
				return err
			}
			return nil
		case <-poll.C:
			if ready {
				continue
			}
			r, err := ReadReady(g.ReadyFile)
			if err == nil {
				ready = true
				poll.Reset(time.Second)
				onReady(r)
			}
		}
	}
}
