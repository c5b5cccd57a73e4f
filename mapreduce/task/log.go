package task

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// lazyLog is a log of an attempt that exists from the first byte written to it: most attempts have nothing to say, and a job of a
// thousand tasks should not make thousands of empty files. Safe for concurrent use.
type lazyLog struct {
	dir, name string
	mu        sync.Mutex // guards file; held over the writes, so that lines stay whole
	file      *os.File
}

func (l *lazyLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		if err := os.MkdirAll(l.dir, 0o755); err != nil {
			return 0, fmt.Errorf("make log directory: %w", err)
		}
		var err error
		if l.file, err = os.OpenFile(filepath.Join(l.dir, l.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
			return 0, fmt.Errorf("open attempt log: %w", err)
		}
	}
	return l.file.Write(p)
}

func (l *lazyLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// removeContents empties a directory and leaves it: it goes with the job's. Making and removing thousands of directories in a row is
// slow on ext4, which does not use an inode again for some seconds and looks for another each time.
func removeContents(dir string) error {
	f, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	if err == io.EOF {
		err = nil
	}
	err = errors.Join(err, f.Close())
	for _, n := range names {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, n)))
	}
	return err
}
