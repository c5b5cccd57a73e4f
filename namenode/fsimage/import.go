package fsimage

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/internal/vfs"
	"github.com/lodehq/lode/namenode/journal"
	"github.com/lodehq/lode/namenode/namespace"
)

// ImportConfig says what to import where.
type ImportConfig struct {
	FS        vfs.FS
	From      string // a directory of an Apache namenode, or its current/
	Dir       string // of the new namenode: empty or not there
	Namespace namespace.Options
	ID        string         // of this namenode among several
	Peers     []journal.Peer // all of them; import on every one from the same image
	Logger    *slog.Logger
}

// Imported says what was imported.
type Imported struct {
	Summary
	Image   string
	Cluster journal.Identity
	Took    time.Duration
}

// Import makes a namenode directory of an Apache namenode's.
func Import(ctx context.Context, cfg ImportConfig) (Imported, error) {
	begin := time.Now()
	var out Imported
	fresh, err := journal.IsFresh(cfg.FS, cfg.Dir)
	if err != nil {
		return out, err
	}
	if !fresh {
		return out, fmt.Errorf("%s is a namenode's directory already; give one that is empty", cfg.Dir)
	}
	dir, err := currentDir(cfg.FS, cfg.From)
	if err != nil {
		return out, err
	}
	id, err := journal.LoadIdentity(cfg.FS, dir)
	if err != nil {
		return out, fmt.Errorf("%s is no directory of an Apache namenode: %w", cfg.From, err)
	}
	name, last, err := newestImage(cfg.FS, dir)
	if err != nil {
		return out, err
	}
	if err := checkEdits(cfg.FS, dir, last); err != nil {
		return out, fmt.Errorf("%s: %w", dir, err)
	}
	out.Image, out.Cluster = path.Join(dir, name), id
	f, err := cfg.FS.Open(out.Image)
	if err != nil {
		return out, err
	}
	defer f.Close()
	if err := checkSum(ctx, cfg.FS, out.Image, f); err != nil {
		return out, err
	}
	info, err := f.Stat()
	if err != nil {
		return out, err
	}
	n, sum, err := Read(f, info.Size(), Cluster{id.ClusterID, id.BlockPoolID, uint32(id.NamespaceID), id.CTime}, cfg.Namespace, nil)
	out.Summary = sum
	if err != nil {
		return out, fmt.Errorf("%s: %w", out.Image, err)
	}
	if sum.Transaction != last {
		return out, fmt.Errorf("%s: %w", out.Image, bad("it ends with transaction %d, which its name denies", sum.Transaction))
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	// The identity last: a directory without one is no namenode's, so an import that was cut short can be done again.
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o700); err != nil {
		return out, err
	}
	jc := journal.Config{Dir: cfg.Dir, ID: cfg.ID, Peers: cfg.Peers, Logger: cfg.Logger}
	if err := journal.Seed(jc, func(w io.Writer) error { return n.WriteImage(w) }); err != nil {
		return out, err
	}
	id.Begun = true
	if err := journal.StoreIdentity(cfg.FS, cfg.Dir, id); err != nil {
		return out, err
	}
	out.Cluster, out.Took = id, time.Since(begin)
	return out, nil
}

func currentDir(fsys vfs.FS, from string) (string, error) {
	for _, dir := range []string{path.Join(from, "current"), from} {
		if _, err := fsys.Stat(path.Join(dir, "VERSION")); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s holds no VERSION and no current/VERSION; give the directory that dfs.namenode.name.dir names in Apache's hdfs-site.xml", from)
}

// newestImage is the image with the last transaction. One without an MD5 was not written whole.
func newestImage(fsys vfs.FS, dir string) (name string, last uint64, err error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return "", 0, err
	}
	have := map[string]bool{}
	for _, e := range entries {
		have[e.Name()] = true
	}
	for k := range have {
		n, err := strconv.ParseUint(strings.TrimPrefix(k, "fsimage_"), 10, 64)
		if !strings.HasPrefix(k, "fsimage_") || err != nil || !have[k+".md5"] {
			continue
		}
		if name == "" || n > last {
			name, last = k, n
		}
	}
	if name == "" {
		return "", 0, fmt.Errorf("%s holds no fsimage_N with its fsimage_N.md5; in Apache run: hdfs dfsadmin -safemode enter && hdfs dfsadmin -saveNamespace", dir)
	}
	return name, last, nil
}

// checkSum compares an image with the MD5 beside it.
func checkSum(ctx context.Context, fsys vfs.FS, name string, r io.Reader) error {
	text, err := vfs.ReadFile(fsys, name+".md5", 4096)
	if err != nil {
		return err
	}
	want, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	h := md5.New()
	buf := make([]byte, 1<<20)
	for {
		n, err := r.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, want) {
		return fmt.Errorf("%s: %w", name, bad("its MD5 is %s and %s.md5 says %.40s: it is damaged; use another of Apache's name directories", got, path.Base(name), want))
	}
	return nil
}
