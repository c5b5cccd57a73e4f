package journal

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/internal/vfs"
)

// Identity names a cluster for ever: datanodes refuse to serve another one.
type Identity struct {
	ClusterID   string
	BlockPoolID string
	NamespaceID int32
	CTime       int64 // unix ms
	// Begun is set when the journal has its first entry: from then on an empty journal is a lost one, and must not be taken
	// for a new cluster, whose datanodes would be told to delete what they have.
	Begun bool
}

// LayoutVersion is Apache 3.4's layout version of a namenode's directory, which datanodes are told.
const LayoutVersion = -67

// LoadIdentity reads <dir>/VERSION, a file of Apache's form.
func LoadIdentity(fsys vfs.FS, dir string) (Identity, error) {
	name := path.Join(dir, "VERSION")
	b, err := vfs.ReadFile(fsys, name, 64<<10)
	if err != nil {
		return Identity{}, err
	}
	id, err := parseVersion(b)
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", name, err)
	}
	return id, nil
}

func parseVersion(b []byte) (Identity, error) {
	var id Identity
	values := map[string]string{}
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		k, v, ok := strings.Cut(line, "=")
		if !ok {
			return id, fmt.Errorf("line %q is not key=value", line)
		}
		values[k] = v
	}
	id.ClusterID, id.BlockPoolID = values["clusterID"], values["blockpoolID"]
	n, err1 := strconv.ParseInt(values["namespaceID"], 10, 32)
	c, err2 := strconv.ParseInt(values["cTime"], 10, 64)
	if id.ClusterID == "" || id.BlockPoolID == "" || err1 != nil || err2 != nil {
		return id, errors.New("clusterID, blockpoolID, namespaceID and cTime are needed; restore the file from another namenode or a backup")
	}
	id.NamespaceID, id.CTime, id.Begun = int32(n), c, values["journal"] == "begun"
	return id, nil
}

// StoreIdentity writes <dir>/VERSION, whole or not at all.
func StoreIdentity(fsys vfs.FS, dir string, id Identity) error {
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create %s: %w", dir, err)
	}
	text := fmt.Sprintf("namespaceID=%d\nblockpoolID=%s\nstorageType=NAME_NODE\ncTime=%d\nclusterID=%s\nlayoutVersion=%d\n",
		id.NamespaceID, id.BlockPoolID, id.CTime, id.ClusterID, LayoutVersion)
	if id.Begun {
		text += "journal=begun\n"
	}
	tmp, name := path.Join(dir, "VERSION.new"), path.Join(dir, "VERSION")
	f, err := fsys.Create(tmp)
	if err == nil {
		_, err = f.Write([]byte(text))
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = fsys.Rename(tmp, name)
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// NewIdentity makes an identity as Apache's `namenode -format` does; address is part of the block pool's name.
func NewIdentity(clusterID string, address string, now time.Time) Identity {
	var r [20]byte
	rand.Read(r[:])
	if clusterID == "" {
		r[6], r[8] = r[6]&0x0f|0x40, r[8]&0x3f|0x80 // a UUID of version 4
		clusterID = fmt.Sprintf("CID-%x-%x-%x-%x-%x", r[0:4], r[4:6], r[6:8], r[8:10], r[10:16])
	}
	if net.ParseIP(address) == nil {
		address = "127.0.0.1"
	}
	n := int32(binary.BigEndian.Uint32(r[16:]) & 0x7FFFFFFF)
	return Identity{ClusterID: clusterID, NamespaceID: max(n, 1), CTime: now.UnixMilli(),
		BlockPoolID: fmt.Sprintf("BP-%d-%s-%d", binary.BigEndian.Uint32(r[8:])&0x7FFFFFFF, address, now.UnixMilli())}
}

// IsFresh says whether dir holds neither an identity nor a journal. It is an error to hold one without the other.
func IsFresh(fsys vfs.FS, dir string) (bool, error) {
	_, err := LoadIdentity(fsys, dir)
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	entries, err := fsys.ReadDir(path.Join(dir, "log"))
	if err == nil && len(entries) > 0 {
		return false, fmt.Errorf("%s holds a journal but no VERSION file; restore VERSION from another namenode or a backup", dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, nil
}
