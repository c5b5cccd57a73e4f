package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/mapreduce"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

var _ mapreduce.Committer = (*FS)(nil)

// CommitJob implements mapreduce.Committer where the file system can (a Lode namenode); errors.ErrUnsupported elsewhere, an Apache
// namenode for example, so that the caller renames file by file.
func (f *FS) CommitJob(ctx context.Context, renames [][2]string, success string) error {
	var one mapreduce.FS
	inside := func(p string) (string, error) {
		at, in, err := f.at(p)
		if err != nil {
			return "", err
		}
		if one == nil {
			one = at
		}
		if one != at {
			return "", fmt.Errorf("commit over two file systems: %w", errors.ErrUnsupported)
		}
		return in, nil
	}
	req := &journalpb.CommitJob{}
	for _, r := range renames {
		src, err := inside(r[0])
		if err != nil {
			return err
		}
		dst, err := inside(r[1])
		if err != nil {
			return err
		}
		req.Moves = append(req.Moves, &journalpb.CommitJob_Move{Src: proto.String(src), Dst: proto.String(dst)})
	}
	if success != "" {
		marker, err := inside(success)
		if err != nil {
			return err
		}
		req.Marker = proto.String(marker)
	}
	h, ok := one.(hdfsFS)
	if !ok {
		return errors.ErrUnsupported
	}
	return h.commit(ctx, req)
}

func (h hdfsFS) commit(ctx context.Context, req *journalpb.CommitJob) error {
	rpc, err := h.c.RPC(hrpc.NamenodeExtras, "")
	if err != nil {
		return err
	}
	err = rpc.Call(ctx, "commitJob", req, &journalpb.CommitJobResponse{})
	var e *hdfs.Exception
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && (e.Class == hdfs.RPCNoSuchProtocol || e.Class == hdfs.RPCNoSuchMethod):
		return fmt.Errorf("commitJob: %w", errors.ErrUnsupported)
	}
	if done, checkErr := h.committed(ctx, req); checkErr == nil && done { // by an attempt that did not live to hear the answer
		return nil
	}
	return err
}

// committed tells whether all of a commit has happened: it happens whole or not at all.
func (h hdfsFS) committed(ctx context.Context, req *journalpb.CommitJob) (bool, error) {
	for _, m := range req.Moves {
		if there, err := h.c.Exists(ctx, m.GetSrc()); err != nil || there {
			return false, err
		}
		if there, err := h.c.Exists(ctx, m.GetDst()); err != nil || !there {
			return false, err
		}
	}
	if req.GetMarker() == "" {
		return true, nil
	}
	_, err := h.c.Stat(ctx, req.GetMarker())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
