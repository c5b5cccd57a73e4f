package blockstore

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// LayoutVersion is the layout of Apache 3.4's data directories (DataNodeLayoutVersion).
const LayoutVersion = -57

// place is the directory in which the files of a replica lie.
type place uint8

const (
	inFinalized place = iota
	inRBW
	inTmp
)

// idDir is the pair of subdirectories of a finalized replica (DatanodeUtil.idToBlockDir).
func idDir(id hdfs.BlockID) string {
	return "subdir" + strconv.Itoa(int(id>>16)&0x1f) + "/subdir" + strconv.Itoa(int(id>>8)&0x1f)
}

func (v *volume) poolDir() string    { return filepath.Join(v.dir, "current", v.pool) }
func (v *volume) currentDir() string { return filepath.Join(v.poolDir(), "current") }

func (v *volume) dirFor(id hdfs.BlockID, p place) string {
	switch p {
	case inRBW:
		return filepath.Join(v.currentDir(), "rbw")
	case inTmp:
		return filepath.Join(v.poolDir(), "tmp")
	}
	return filepath.Join(v.currentDir(), "finalized", idDir(id))
}

func (v *volume) dataPath(id hdfs.BlockID, p place) string {
	return filepath.Join(v.dirFor(id, p), dataName(id))
}

func (v *volume) metaPath(id hdfs.BlockID, gs hdfs.GenStamp, p place) string {
	return filepath.Join(v.dirFor(id, p), metaName(id, gs))
}

// properties is a VERSION file: Java properties without escapes that matter here.
type properties map[string]string

func readProperties(fsys vfs.FS, name string) (properties, error) {
	b, err := vfs.ReadFile(fsys, name, 64<<10)
	if err != nil {
		return nil, err
	}
	p := properties{}
	for line := range strings.SplitSeq(string(b), "\n") {
		line = strings.TrimSpace(line)
		if k, v, ok := strings.Cut(line, "="); ok && line[0] != '#' && line[0] != '!' {
			p[strings.TrimSpace(k)] = strings.ReplaceAll(strings.TrimSpace(v), `\:`, ":")
		}
	}
	return p, nil
}

func (p properties) write(fsys vfs.FS, name string, now time.Time) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "#%s\n", now.UTC().Format("Mon Jan 02 15:04:05 UTC 2006"))
	keys := make([]string, 0, len(p))
	for k := range p {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		fmt.Fprintf(&b, "%s=%s\n", k, p[k])
	}
	return vfs.WriteFileAtomic(fsys, name, b.Bytes(), 0o644)
}

func (p properties) checkLayout(name string) error {
	if got := p["layoutVersion"]; got != strconv.Itoa(LayoutVersion) {
		return fmt.Errorf("%s: layoutVersion is %q, this datanode reads and writes only %d: start Apache 3.x once on it to upgrade, or use an empty directory", name, got, LayoutVersion)
	}
	return nil
}

// newUUID is a random UUID in text form.
func newUUID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// mkdirDurable makes a directory and every missing parent, and makes their names durable.
func mkdirDurable(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(dir); err == nil {
		return nil
	}
	var missing []string
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := fsys.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		missing = append(missing, d)
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := fsys.SyncDir(filepath.Dir(missing[i])); err != nil {
			return err
		}
	}
	return nil
}
