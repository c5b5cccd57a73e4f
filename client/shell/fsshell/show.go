package fsshell

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/shell/fsys"
)

func showing() []*command {
	return []*command{
		{
			name: "cat", usage: "[-ignoreCrc] <src> ...", min: 1, max: -1, options: []string{"ignoreCrc"},
			about: []string{"Prints files. -ignoreCrc is understood for compatibility: checksums are always verified."},
			setup: func(r *run) error { return setupCat(r, plain) },
		},
		{
			name: "text", usage: "[-ignoreCrc] <src> ...", min: 1, max: -1, options: []string{"ignoreCrc"},
			about: []string{"Prints files as text: gzip, zlib and bzip2 are decompressed, sequence and Avro files are shown as they are stored."},
			setup: func(r *run) error { return setupCat(r, decoded) },
		},
		{
			name: "head", usage: "<file>", min: 1, max: 1,
			about: []string{"Prints the first kilobyte of a file."},
			setup: setupHead,
		},
		{
			name: "tail", usage: "[-f] [-s <sleep interval>] <file>", min: 1, max: 1,
			options: []string{"f"}, valued: []string{"s"},
			about: []string{
				"Prints the last kilobyte of a file.",
				"  -f  goes on with what is written to it",
				"  -s  looks for more after so many milliseconds, 5000",
			},
			setup: setupTail,
		},
		{
			name: "checksum", usage: "[-v] <src> ...", min: 1, max: -1, options: []string{"v"},
			about: []string{"Prints the checksums of files, as datanodes make them. -v: the block size too."},
			setup: setupChecksum,
		},
		{
			name: "getmerge", usage: "[-nl] [-skip-empty-file] <src> <localdst>", min: 2, max: -1,
			options: []string{"nl", "skip-empty-file"},
			about: []string{
				"Writes the files of directories, one after the other by name, to one local file.",
				"  -nl               a line end after each file",
				"  -skip-empty-file  but not after an empty one",
			},
			setup: setupGetmerge,
		},
		{
			name: "stat", usage: "[format] <path> ...", min: 1, max: -1, options: []string{"R"},
			about: []string{
				"Prints facts about files: %a %A permissions, %b bytes, %F type, %g group, %n name, %o block size, %r replicas,",
				"%u owner, %x %X access time, %y %Y modification time (UTC, and milliseconds since 1970). The default is %y.",
			},
			setup: setupStat,
		},
		{
			name: "test", usage: "-[defswrz] <path>", min: 1, max: 1, options: []string{"e", "d", "f", "s", "z", "w", "r"},
			about: []string{
				"Answers by its exit code, 0 for yes: -e there is such a path, -d a directory, -f a file, -s it is not empty,",
				"-w it may be written, -r it may be read, -z the file is empty.",
			},
			setup: setupTest,
		},
	}
}

func setupCat(r *run, open func(f fsys.File) (io.Reader, error)) error {
	r.do = func(i *fsys.Item) error {
		if i.IsDir() {
			return fsys.IsDir(i.String())
		}
		f, err := i.FS.Open(r.ctx, i.Path)
		if err != nil {
			return err
		}
		defer f.Close()
		in, err := open(f)
		if err != nil {
			return err
		}
		r.out.Flush()
		if rd, ok := in.(*client.Reader); ok {
			_, err = rd.WriteTo(r.Stdout)
		} else {
			_, err = io.Copy(r.Stdout, in)
		}
		return err
	}
	return nil
}

func plain(f fsys.File) (io.Reader, error) { return f, nil }

// decoded looks at the first bytes of a file to tell how it is compressed; a zlib stream is told by the name .deflate.
func decoded(f fsys.File) (io.Reader, error) {
	head := make([]byte, 4)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head = head[:n]
	in := bufio.NewReaderSize(f, 64<<10)
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(in)
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(in), nil
	}
	if n, ok := f.(interface{ Name() string }); ok && path.Ext(n.Name()) == ".deflate" {
		return zlib.NewReader(in)
	}
	return f, nil
}

const headBytes = 1024

func setupHead(r *run) error {
	r.do = func(i *fsys.Item) error {
		if i.IsDir() {
			return fsys.IsDir(i.String())
		}
		f, err := i.FS.Open(r.ctx, i.Path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(r.out, io.LimitReader(f, headBytes))
		return err
	}
	return nil
}

func setupTail(r *run) error {
	wait := 5 * time.Second
	if r.opts["s"] {
		ms, err := strconv.Atoi(r.vals["s"])
		if err != nil || ms <= 0 {
			return usagef("-s takes a number of milliseconds, not %q", r.vals["s"])
		}
		wait = time.Duration(ms) * time.Millisecond
	}
	r.do = func(i *fsys.Item) error {
		if i.IsDir() {
			return fsys.IsDir(i.String())
		}
		at := max(i.Stat.Len-headBytes, 0)
		for {
			var err error
			if at, err = r.tailFrom(i, at); err != nil || !r.opts["f"] {
				return err
			}
			r.out.Flush()
			if err := r.pause(wait); err != nil {
				return err
			}
		}
	}
	return nil
}

// tailFrom prints a file from a position on and answers where it ended.
func (r *run) tailFrom(i *fsys.Item, at int64) (int64, error) {
	f, err := i.FS.Open(r.ctx, i.Path)
	if err != nil {
		return at, err
	}
	defer f.Close()
	if !r.opts["f"] {
		at = max(at, f.Size()-headBytes)
	}
	if at >= f.Size() {
		return at, nil
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return at, err
	}
	n, err := io.Copy(r.out, f)
	return at + n, err
}

func setupChecksum(r *run) error {
	r.do = func(i *fsys.Item) error {
		if i.IsDir() {
			return fsys.IsDir(i.String())
		}
		h, ok := i.FS.(*fsys.HDFS)
		if !ok {
			r.printf("%s\tNONE\t\n", i)
			return nil
		}
		sum, err := h.Checksum(r.ctx, i.Path, 0)
		if err != nil {
			return err
		}
		if r.opts["v"] {
			r.printf("%s\t%s\tBlockSize=%d\n", i, sum, i.Stat.BlockSize)
			return nil
		}
		r.printf("%s\t%s\n", i, sum)
		return nil
	}
	return nil
}

func setupGetmerge(r *run) error {
	last := len(r.args) - 1
	dst, err := r.World.LocalItem(r.ctx, r.args[last])
	if err != nil {
		return err
	}
	if dst.IsDir() {
		return fsys.IsDir(dst.String())
	}
	r.args = r.args[:last]
	var sources []*fsys.Item
	r.do = func(i *fsys.Item) error {
		switch {
		case !i.IsDir():
			sources = append(sources, i)
		case r.depth == 0:
			return r.entries(i)
		}
		return nil
	}
	r.before = func(_ *fsys.Item, items []*fsys.Item) { r.sort(items) }
	r.all = func(items []*fsys.Item) error {
		if err := r.each(items); err != nil || r.failures > 0 {
			return err
		}
		w, err := dst.FS.Create(r.ctx, dst.Path, fsys.Create{Overwrite: true})
		if err != nil {
			return err
		}
		for _, s := range sources {
			if err := r.merge(w, s); err != nil {
				return errors.Join(err, w.Close())
			}
		}
		return w.Close()
	}
	return nil
}

func (r *run) merge(w io.Writer, s *fsys.Item) error {
	if s.Stat.Len > 0 {
		f, err := s.FS.Open(r.ctx, s.Path)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(w, f); err != nil {
			return err
		}
	}
	if r.opts["nl"] && (s.Stat.Len > 0 || !r.opts["skip-empty-file"]) {
		_, err := io.WriteString(w, "\n")
		return err
	}
	return nil
}

func setupStat(r *run) error {
	format := "%y"
	if strings.Contains(r.args[0], "%") {
		format, r.args = r.args[0], r.args[1:]
		if len(r.args) == 0 {
			return usagef("Not enough arguments: expected 1 but got 0")
		}
	}
	r.recursive = r.opts["R"]
	r.do = func(i *fsys.Item) error {
		r.println(statFormat(format, i))
		return nil
	}
	return nil
}

func statFormat(format string, i *fsys.Item) string {
	var b strings.Builder
	st := i.Stat
	for n := 0; n < len(format); n++ {
		if format[n] != '%' {
			b.WriteByte(format[n])
			continue
		}
		if n++; n == len(format) {
			break
		}
		switch format[n] {
		case 'a':
			b.WriteString(strconv.FormatUint(uint64(st.Perm), 8))
		case 'A':
			b.WriteString(permString(st.Perm))
		case 'b':
			b.WriteString(strconv.FormatInt(st.Len, 10))
		case 'F':
			switch {
			case st.Dir:
				b.WriteString("directory")
			case st.Link:
				b.WriteString("symlink")
			default:
				b.WriteString("regular file")
			}
		case 'g':
			b.WriteString(st.Group)
		case 'n':
			if i.Path != "/" {
				b.WriteString(i.Name())
			}
		case 'o':
			b.WriteString(strconv.FormatInt(st.BlockSize, 10))
		case 'r':
			b.WriteString(strconv.Itoa(st.Replication))
		case 'u':
			b.WriteString(st.Owner)
		case 'x':
			b.WriteString(st.ATime.UTC().Format(time.DateTime))
		case 'X':
			b.WriteString(strconv.FormatInt(st.ATime.UnixMilli(), 10))
		case 'y':
			b.WriteString(st.MTime.UTC().Format(time.DateTime))
		case 'Y':
			b.WriteString(strconv.FormatInt(st.MTime.UnixMilli(), 10))
		default:
			b.WriteByte(format[n])
		}
	}
	return b.String()
}

func setupTest(r *run) error {
	var flag string
	for o := range r.opts {
		if flag != "" {
			return usagef("Only one test flag is allowed")
		}
		flag = o
	}
	if flag == "" {
		return usagef("No test flag given")
	}
	r.absent = func(*fsys.Item) error {
		r.failures++
		return nil
	}
	r.expand = func(a string) ([]*fsys.Item, error) {
		items, err := r.World.Expand(r.ctx, a)
		if err == nil && len(items) == 0 {
			r.failures++
		}
		return items, err
	}
	r.do = func(i *fsys.Item) error {
		yes := true
		switch flag {
		case "d":
			yes = i.IsDir()
		case "f":
			yes = !i.IsDir() && !i.Stat.Link
		case "s":
			yes = i.Stat.Len > 0
		case "z":
			yes = i.Stat.Len == 0
		case "r", "w":
			yes = r.may(i, flag)
		}
		if !yes {
			r.failures++
		}
		return nil
	}
	return nil
}

func (r *run) may(i *fsys.Item, flag string) bool {
	h, ok := i.FS.(*fsys.HDFS)
	if !ok {
		bit := uint32(0o400)
		if flag == "w" {
			bit = 0o200
		}
		return i.Stat.Perm&bit != 0
	}
	bit := uint8(4)
	if flag == "w" {
		bit = 2
	}
	return h.Access(r.ctx, i.Path, bit) == nil
}
