package format

import (
	"bytes"
	"io"
)

// lineReader cuts a stream into lines at LF, CR LF or a lone CR, as Hadoop's LineReader does.
type lineReader struct {
	r     io.Reader
	buf   []byte
	pos   int // first byte not given out
	end   int // bytes in buf
	taken int64
	eof   bool
}

const lineBuffer = 1 << 20

func newLineReader(r io.Reader) *lineReader { return &lineReader{r: r, buf: make([]byte, lineBuffer)} }

// next returns a line without its end, valid until the next call, and how many bytes of the stream it took. io.EOF at the end.
func (l *lineReader) next() (line []byte, n int64, err error) {
	scanned := 0
	for {
		window := l.buf[l.pos:l.end]
		i := bytes.IndexByte(window[scanned:], '\n')
		limit := len(window)
		if i >= 0 {
			i += scanned
			limit = i
		}
		if j := bytes.IndexByte(window[scanned:limit], '\r'); j >= 0 {
			j += scanned
			if j+1 < len(window) || l.eof {
				took := j + 1
				if took < len(window) && window[took] == '\n' {
					took++
				}
				l.take(took)
				return window[:j], int64(took), nil
			}
			scanned = j
		} else if i >= 0 {
			l.take(i + 1)
			return window[:i], int64(i + 1), nil
		} else {
			scanned = len(window)
		}
		if l.eof {
			if len(window) == 0 {
				return nil, 0, io.EOF
			}
			l.take(len(window))
			return window, int64(len(window)), nil
		}
		if err := l.fill(); err != nil {
			return nil, 0, err
		}
	}
}

func (l *lineReader) take(n int) {
	l.pos += n
	l.taken += int64(n)
}

func (l *lineReader) fill() error {
	if l.pos > 0 {
		copy(l.buf, l.buf[l.pos:l.end])
		l.end -= l.pos
		l.pos = 0
	}
	if l.end == len(l.buf) {
		grown := make([]byte, 2*len(l.buf))
		copy(grown, l.buf[:l.end])
		l.buf = grown
	}
	for tries := 0; ; tries++ {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		if err == io.EOF {
			l.eof = true
			return nil
		}
		if err != nil || n > 0 {
			return err
		}
		if tries > 100 {
			return io.ErrNoProgress
		}
	}
}
