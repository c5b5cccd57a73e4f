//go:build unix && !linux

package fsys

import (
	"io/fs"
	"syscall"
	"time"
)

func owner(i fs.FileInfo) (uid, gid int, atime time.Time, ok bool) {
	st, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, time.Time{}, false
	}
	return int(st.Uid), int(st.Gid), i.ModTime(), true
}
