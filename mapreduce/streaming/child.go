package streaming

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/lodehq/lode/mapreduce"
)

// child is a running executable: lines go in, lines come out and are emitted by a goroutine of their own, stderr is watched by
// another. Both end when the program closes its ends; finish waits for them.
type child struct {
	c       *mapreduce.Context
	j       *job
	name    string
	cmd     *exec.Cmd
	stdin   *os.File
	in      *bufio.Writer
	line    []byte
	wg      sync.WaitGroup
	mu      sync.Mutex // guards outErr and emit; emit writes to the shuffle or the output under it
	outErr  error
	ended   bool
	split   splitter
	emitted func(key, value []byte) error
}

// splitter cuts a line into key and value at the nth separator.
type splitter struct {
	sep    []byte
	fields int
}

func (s splitter) cut(line []byte) (key, value []byte) {
	at := 0
	for n := 0; n < s.fields; n++ {
		i := bytes.Index(line[at:], s.sep)
		if i < 0 {
			return line, nil
		}
		if n == s.fields-1 {
			return line[:at+i], line[at+i+len(s.sep):]
		}
		at += i + len(s.sep)
	}
	return line, nil
}

// start starts a command in the attempt's working directory.
func (j *job) start(c *mapreduce.Context, what, command string, split splitter) (*child, error) {
	words := splitCommand(command)
	if len(words) == 0 {
		return nil, fmt.Errorf("%s: empty command", what)
	}
	dir := c.Info().WorkDir
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o755); err != nil { // TMPDIR
		return nil, err
	}
	program, err := findProgram(dir, words[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	cmd := exec.CommandContext(c.Context(), program, words[1:]...)
	cmd.Dir = dir
	cmd.Env = j.environment(c, dir)
	ch := &child{c: c, j: j, name: what, cmd: cmd, split: split, emitted: c.Emit}
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), in.Close())
	}
	errs, stderr, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), in.Close(), out.Close(), stdout.Close())
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	err = cmd.Start()
	closed := errors.Join(stdin.Close(), stdout.Close(), stderr.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: start %s: %w", what, words[0], err), in.Close(), out.Close(), errs.Close())
	}
	if closed != nil {
		return nil, closed
	}
	ch.stdin, ch.in = in, bufio.NewWriterSize(in, 64<<10)
	ch.wg.Add(2)
	go func() {
		defer ch.wg.Done()
		ch.readOutput(out)
	}()
	go func() {
		defer ch.wg.Done()
		ch.readErrors(errs)
	}()
	return ch, nil
}

// findProgram looks in the working directory first, then in PATH, as Apache does, and makes a shipped file executable.
func findProgram(dir, name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	here := filepath.Join(dir, name)
	if st, err := os.Stat(here); err == nil && !st.IsDir() {
		if st.Mode()&0o111 == 0 {
			if err := os.Chmod(here, st.Mode()|0o111); err != nil {
				return "", err
			}
		}
		return here, nil
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("cannot run program %q: it is neither in the working directory (ship it with -files) nor in PATH", name)
	}
	return found, nil
}

func (ch *child) readOutput(out *os.File) {
	defer out.Close()
	r := bufio.NewReaderSize(out, 64<<10)
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			line = append(line, piece...)
			continue
		}
		whole := piece
		if len(line) > 0 {
			line = append(line, piece...)
			whole = line
		}
		if len(whole) > 0 {
			if whole[len(whole)-1] == '\n' {
				whole = whole[:len(whole)-1]
				whole = bytes.TrimSuffix(whole, []byte{'\r'})
			}
			if !ch.emitLine(whole) {
				_, _ = io.Copy(io.Discard, r) // the program must not block; the attempt fails anyway
				return
			}
		}
		line = line[:0]
		if err != nil {
			return
		}
	}
}

func (ch *child) emitLine(line []byte) bool {
	key, value := ch.split.cut(line)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.outErr != nil {
		return false
	}
	ch.outErr = ch.emitted(key, value)
	return ch.outErr == nil
}

func (ch *child) readErrors(errs *os.File) {
	defer errs.Close()
	prefix := ch.j.conf.String("reporter:", "stream.stderr.reporter.prefix")
	r := bufio.NewReaderSize(errs, 16<<10)
	for {
		line, err := r.ReadSlice('\n')
		ch.c.Progress()
		text := strings.TrimSuffix(string(line), "\n")
		if !ch.command(prefix, text) {
			_, _ = ch.c.Stderr().Write(line)
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// command carries out a reporter line.
func (ch *child) command(prefix, line string) bool {
	rest, ok := strings.CutPrefix(line, prefix)
	if !ok {
		return false
	}
	if text, ok := strings.CutPrefix(rest, "counter:"); ok {
		parts := strings.Split(text, ",")
		if len(parts) == 3 {
			if n, err := strconv.ParseInt(strings.TrimSpace(parts[2]), 10, 64); err == nil {
				ch.c.Counter(strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1])).Add(n)
			}
		}
		return true
	}
	if text, ok := strings.CutPrefix(rest, "status:"); ok {
		ch.c.SetStatus(text)
		return true
	}
	return false
}

// write gives the program a line.
func (ch *child) write(key, sep, value []byte, withKey bool) error {
	line := ch.line[:0]
	if withKey {
		line = append(append(line, key...), sep...)
	}
	line = append(append(line, value...), '\n')
	ch.line = line
	if _, err := ch.in.Write(line); err != nil {
		return ch.broken(err)
	}
	return nil
}

// broken explains why the program no longer reads.
func (ch *child) broken(err error) error {
	if end := ch.end(); end != nil {
		return end
	}
	return fmt.Errorf("%s stopped reading its input before the end: %w", ch.name, err)
}

// end closes the program's input and waits for its output and its end.
func (ch *child) end() error {
	if ch.ended {
		return nil
	}
	ch.ended = true
	_ = ch.stdin.Close()
	ch.wg.Wait()
	err := ch.cmd.Wait()
	if ch.outErr != nil {
		return ch.outErr
	}
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		if !ch.j.conf.Bool(true, "stream.non.zero.exit.is.failure") {
			return nil
		}
		return fmt.Errorf("PipeMapRed: subprocess failed with code %d (%s: %s)", exit.ExitCode(), ch.name, strings.Join(ch.cmd.Args, " "))
	}
	return fmt.Errorf("%s: %w", ch.name, err)
}

// finish gives the program its end of input and waits. A broken pipe on the last flush is no error when so little was left
// unread that it never blocked: Apache behaves so.
func (ch *child) finish() error {
	flushed := ch.in.Flush()
	if err := ch.end(); err != nil {
		return err
	}
	if flushed != nil && !errors.Is(flushed, syscall.EPIPE) {
		return flushed
	}
	return nil
}
