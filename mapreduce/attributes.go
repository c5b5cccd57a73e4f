package mapreduce

import (
	"context"
	"io"
	"time"
)

// Attributes are what HDFS knows of a file beside its bytes.
type Attributes struct {
	Owner, Group string
	Permission   uint32 // mode bits, 0 to 01777
	Replication  int    // 0 for directories
	BlockSize    int64  // 0 for directories
	ModTime      time.Time
	AccessTime   time.Time
}

// AttributeFS is implemented by file systems that keep attributes; methods return errors.ErrUnsupported for paths on one that does not.
type AttributeFS interface {
	Attributes(ctx context.Context, path string) (Attributes, error)
	// SetAttributes sets what the letters name: r replication, u user, g group, p permission, t times.
	SetAttributes(ctx context.Context, path string, a Attributes, letters string) error
	// CreateWith is FS.Create with a replication (0: default) and block size (0: default).
	CreateWith(ctx context.Context, path string, replication int, blockSize int64) (io.WriteCloser, error)
	// Checksum returns the name of the algorithm and the sum. Sums of one algorithm can be compared between clusters.
	Checksum(ctx context.Context, path string) (algorithm string, sum []byte, err error)
}
