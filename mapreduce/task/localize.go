package task

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lodehq/lode/mapreduce"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// localize puts the job's side files into the attempt's working directory: one copy a job and machine, a link an attempt.
func (a *attempt) localize() error {
	for _, f := range a.spec.Job.Files {
		sum := sha256.Sum256([]byte(f.Path))
		local := filepath.Join(a.env.JobDir, "files", hex.EncodeToString(sum[:8]))
		if f.Archive {
			local += ".d"
		}
		if _, err := os.Stat(local); err != nil {
			if err := download(a.ctx, a.env.FS, f, local); err != nil {
				return fmt.Errorf("side file %s: %w", f.Path, err)
			}
		}
		if !filepath.IsLocal(f.Link) {
			return fmt.Errorf("side file %s: %q is not a name inside the working directory", f.Path, f.Link)
		}
		link := filepath.Join(a.workDir, f.Link)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(local, link); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("side file %s: %w", f.Path, err)
		}
	}
	return nil
}

// download is safe beside another process doing the same: what is complete appears by rename.
func download(ctx context.Context, fsys mapreduce.FS, f *batchpb.SideFile, local string) (err error) {
	if err := os.MkdirAll(filepath.Dir(local), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(local), ".get-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	in, err := fsys.Open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	file := filepath.Join(tmp, "file")
	out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	ready := file
	if f.Archive {
		ready = filepath.Join(tmp, "dir")
		if err := os.Mkdir(ready, 0o755); err != nil {
			return err
		}
		if err := unpack(file, f.Path, ready); err != nil {
			return err
		}
	}
	if err := os.Rename(ready, local); err != nil {
		if _, there := os.Stat(local); there == nil {
			return nil
		}
		return err
	}
	return nil
}

// unpack opens .zip, .jar, .tar, .tar.gz and .tgz archives; names that lead outside are refused.
func unpack(file, name, dir string) error {
	switch low := strings.ToLower(name); {
	case strings.HasSuffix(low, ".zip"), strings.HasSuffix(low, ".jar"):
		return unzip(file, dir)
	case strings.HasSuffix(low, ".tar.gz"), strings.HasSuffix(low, ".tgz"), strings.HasSuffix(low, ".tar"):
		return untar(file, dir, !strings.HasSuffix(low, ".tar"))
	}
	return fmt.Errorf("archive of a kind that is not known: .zip, .jar, .tar, .tar.gz and .tgz are")
}

func unzip(file, dir string) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		err = writeMember(dir, f.Name, f.Mode(), r)
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

func untar(file, dir string, zipped bool) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var in io.Reader = f
	if zipped {
		g, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		defer g.Close()
		in = g
	}
	t := tar.NewReader(in)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := writeMember(dir, h.Name, h.FileInfo().Mode(), t); err != nil {
			return err
		}
	}
}

func writeMember(dir, name string, mode os.FileMode, r io.Reader) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("archive member %q leads outside", name)
	}
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	w, err := os.OpenFile(full, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode.Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}
