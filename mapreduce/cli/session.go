package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/mapreduce/files"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// session is a command's connection to the scheduler and the file system.
type session struct {
	conf    *conf.Conf
	address string
	conn    *grpc.ClientConn
	batch   batchpb.BatchClient
	fs      *files.FS
	ctx     context.Context
}

// connect opens a session. Nothing is sent yet.
func connect(ctx context.Context, c *conf.Conf) (*session, error) {
	address := os.Getenv("LODE_SCHEDULER")
	if c.Explicit("lode.scheduler.address") || address == "" {
		address = c.String("lode.scheduler.address")
	}
	address = strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/")
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20), grpc.MaxCallSendMsgSize(256<<20)))
	if err != nil {
		return nil, fmt.Errorf("scheduler address %q: %w", address, err)
	}
	if t := c.String("lode.token"); t != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+t)
	}
	return &session{conf: c, address: address, conn: conn, batch: batchpb.NewBatchClient(conn), ctx: ctx}, nil
}

func (s *session) close() {
	_ = s.conn.Close()
	if s.fs != nil {
		_ = s.fs.Close()
	}
}

// explain turns a gRPC error into words that say what to do.
func (s *session) explain(err error) error {
	st, ok := status.FromError(err)
	if !ok || err == nil {
		return err
	}
	if st.Code() == codes.Unavailable && (strings.Contains(st.Message(), "connection refused") || strings.Contains(st.Message(), "error while dialing") || strings.Contains(st.Message(), "dial")) {
		return fmt.Errorf("no scheduler answers at %s: start one with `lode standalone`, or name yours with LODE_SCHEDULER=host:port or -D lode.scheduler.address=host:port", s.address)
	}
	return errors.New(st.Message())
}

func (s *session) files() (*files.FS, error) {
	if s.fs != nil {
		return s.fs, nil
	}
	var err error
	s.fs, err = files.Open(s.conf)
	return s.fs, err
}

// stage puts a local file into the staging directory by its content, once.
func (s *session) stage(staging, local string) (string, string, error) {
	fsys, err := s.files()
	if err != nil {
		return "", "", err
	}
	in, err := os.Open(local)
	if err != nil {
		return "", "", err
	}
	defer in.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, in); err != nil {
		return "", "", err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	to := path.Join(staging, "files", sum, filepath.Base(local))
	if _, err := fsys.Stat(s.ctx, to); err == nil {
		return to, sum, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("stage %s: %w", local, err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return "", "", err
	}
	tmp := fmt.Sprintf("%s.%d", to, time.Now().UnixNano())
	out, err := fsys.Create(s.ctx, tmp, true)
	if err != nil {
		return "", "", fmt.Errorf("stage %s: %w", local, err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return "", "", fmt.Errorf("stage %s: %w", local, err)
	}
	if err := fsys.Rename(s.ctx, tmp, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", "", fmt.Errorf("stage %s: %w", local, err)
	}
	return to, sum, nil
}

// sideFile stages a file named with -files or -archives: a local path or a URI, with #name for the link.
func (s *session) sideFile(staging, text string, archive bool) (*batchpb.SideFile, error) {
	p, link, _ := strings.Cut(text, "#")
	if link == "" {
		link = path.Base(p)
	}
	f := &batchpb.SideFile{Path: p, Link: link, Archive: archive}
	if local, ok := strings.CutPrefix(p, "file:"); ok {
		p = "/" + strings.TrimLeft(local, "/")
	} else if strings.Contains(p, "://") {
		fsys, err := s.files()
		if err != nil {
			return nil, err
		}
		if _, err := fsys.Stat(s.ctx, p); err != nil {
			return nil, fmt.Errorf("side file: %w", err)
		}
		return f, nil
	}
	if st, err := os.Stat(p); err != nil {
		return nil, fmt.Errorf("File %s does not exist (or cannot be read: %w)", p, err)
	} else if st.IsDir() {
		return nil, fmt.Errorf("%s is a directory: pack it and ship it with -archives", p)
	}
	var err error
	f.Path, _, err = s.stage(staging, p)
	return f, err
}
