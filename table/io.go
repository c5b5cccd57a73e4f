package table

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"

	iceio "github.com/apache/iceberg-go/io"

	"github.com/lodehq/lode/table/storage"
)

// icebergIO shows a storage.FS to iceberg-go. Names are URIs. iceberg-go's interfaces carry no context; the one given at construction is used.
type icebergIO struct {
	ctx context.Context
	fs  storage.FS
}

var (
	_ iceio.WriteFileIO       = (*icebergIO)(nil)
	_ iceio.ReadFileIO        = (*icebergIO)(nil)
	_ iceio.ListableIO        = (*icebergIO)(nil)
	_ iceio.StatIO            = (*icebergIO)(nil)
	_ iceio.BulkRemovableIO   = (*icebergIO)(nil)
	_ iceio.RemoveAllIO       = (*icebergIO)(nil)
	_ iceio.MkdirAllIO        = (*icebergIO)(nil)
	_ iceio.RenameNoReplaceIO = (*icebergIO)(nil)
)

func (i *icebergIO) Open(uri string) (iceio.File, error) {
	name, err := storage.Name(i.fs, uri)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: uri, Err: err}
	}
	return i.fs.Open(i.ctx, name)
}

func (i *icebergIO) ReadFile(uri string) ([]byte, error) {
	name, err := storage.Name(i.fs, uri)
	if err != nil {
		return nil, err
	}
	return storage.ReadFile(i.ctx, i.fs, name)
}

type iceWriter struct{ storage.FileWriter }

// ReadFrom hides the writer's own ReadFrom from io.Copy on purpose: the interface asks for the method, a plain copy is right everywhere.
func (w iceWriter) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{w.FileWriter}, r)
}

func (i *icebergIO) Create(uri string) (iceio.FileWriter, error) {
	name, err := storage.Name(i.fs, uri)
	if err != nil {
		return nil, err
	}
	w, err := i.fs.Create(i.ctx, name, storage.CreateOptions{Overwrite: true})
	if err != nil {
		return nil, err
	}
	return iceWriter{w}, nil
}

func (i *icebergIO) WriteFile(uri string, data []byte) error {
	name, err := storage.Name(i.fs, uri)
	if err != nil {
		return err
	}
	return storage.WriteFile(i.ctx, i.fs, name, data, storage.CreateOptions{Overwrite: true})
}

func (i *icebergIO) Remove(uri string) error {
	name, err := storage.Name(i.fs, uri)
	if err != nil {
		return err
	}
	return i.fs.Remove(i.ctx, name)
}

func (i *icebergIO) RemoveAll(uri string) error {
	name, err := storage.Name(i.fs, uri)
	if err != nil {
		return err
	}
	return i.fs.RemoveAll(i.ctx, name)
}

func (i *icebergIO) MkdirAll(uri string) error {
	name, err := storage.Name(i.fs, uri)
	if err != nil {
		return err
	}
	return i.fs.MkdirAll(i.ctx, name)
}

func (i *icebergIO) RenameNoReplace(oldURI, newURI string) error {
	oldName, err := storage.Name(i.fs, oldURI)
	if err != nil {
		return err
	}
	newName, err := storage.Name(i.fs, newURI)
	if err != nil {
		return err
	}
	return i.fs.RenameNoReplace(i.ctx, oldName, newName)
}

func (i *icebergIO) Stat(uri string) (fs.FileInfo, error) {
	name, err := storage.Name(i.fs, uri)
	if err != nil {
		return nil, err
	}
	return i.fs.Stat(i.ctx, name)
}

func (i *icebergIO) DeleteFiles(_ context.Context, uris []string) (deleted []string, err error) {
	for _, uri := range uris {
		if e := i.Remove(uri); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
			continue
		}
		deleted = append(deleted, uri)
	}
	return deleted, err
}

func (i *icebergIO) WalkDir(root string, fn fs.WalkDirFunc) error {
	name, err := storage.Name(i.fs, root)
	if err != nil {
		return err
	}
	info, err := i.fs.Stat(i.ctx, name)
	if err != nil {
		return fn(root, nil, err)
	}
	err = i.walk(strings.TrimSuffix(root, "/"), name, fs.FileInfoToDirEntry(info), fn)
	if errors.Is(err, fs.SkipAll) || errors.Is(err, fs.SkipDir) {
		return nil
	}
	return err
}

// walk keeps the authority that the caller used, so that paths compare equal with those in manifests.
func (i *icebergIO) walk(uri, name string, d fs.DirEntry, fn fs.WalkDirFunc) error {
	if err := fn(uri, d, nil); err != nil || !d.IsDir() {
		if errors.Is(err, fs.SkipDir) && d.IsDir() {
			return nil
		}
		return err
	}
	infos, err := i.fs.ReadDir(i.ctx, name)
	if err != nil {
		return fn(uri, d, err)
	}
	for _, info := range infos {
		err := i.walk(uri+"/"+info.Name(), strings.TrimSuffix(name, "/")+"/"+info.Name(), fs.FileInfoToDirEntry(info), fn)
		if errors.Is(err, fs.SkipDir) && !info.IsDir() {
			return nil // skips the rest of this directory
		}
		if err != nil {
			return err
		}
	}
	return nil
}
