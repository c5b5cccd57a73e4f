package admin

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/shell/fsshell"
	"github.com/lodehq/lode/internal/hdfs"
)

// each does something with every directory and goes on when one fails.
func (s *session) each(name string, dirs []string, f func(c *client.Client, dir string) error) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	failed := false
	for _, d := range dirs {
		if err := f(c, path(d)); err != nil {
			s.out.Flush()
			fmt.Fprintf(s.Stderr, "%s: %s\n", name, fsshell.Message(err))
			failed = true
		}
	}
	if failed {
		return exit(255)
	}
	return nil
}

func setQuota(s *session, args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil || n <= 0 {
		return fmt.Errorf("Invalid values for quota : %s", args[0])
	}
	return s.each("setQuota", args[1:], func(c *client.Client, dir string) error {
		return c.SetQuota(s.ctx, dir, n, client.QuotaDontSet)
	})
}

func clrQuota(s *session, args []string) error {
	return s.each("clrQuota", args, func(c *client.Client, dir string) error {
		return c.SetQuota(s.ctx, dir, client.QuotaReset, client.QuotaDontSet)
	})
}

// storageType takes -storageType T out of a line.
func storageType(args []string) (hdfs.StorageType, []string, error) {
	for i, a := range args {
		if a != "-storageType" {
			continue
		}
		if i+1 == len(args) {
			return 0, nil, errors.New("-storageType is followed by a storage type")
		}
		rest := append(append([]string(nil), args[:i]...), args[i+2:]...)
		for t := hdfs.StorageDisk; t <= hdfs.StorageNVDIMM; t++ {
			if strings.EqualFold(t.String(), args[i+1]) {
				return t, rest, nil
			}
		}
		return 0, nil, fmt.Errorf("Storage type %s is not available. Available storage types are DISK, SSD, ARCHIVE, PROVIDED, NVDIMM", args[i+1])
	}
	return 0, args, nil
}

func setSpaceQuota(s *session, args []string) error {
	n, err := size(args[0])
	if err != nil || n < 0 {
		return usage(fmt.Sprintf("setSpaceQuota: \"%s\" is not a valid value for a quota.", args[0]))
	}
	t, dirs, err := storageType(args[1:])
	if err != nil {
		return err
	}
	return s.each("setSpaceQuota", dirs, func(c *client.Client, dir string) error {
		if t != 0 {
			return c.SetTypeQuota(s.ctx, dir, t, n)
		}
		return c.SetQuota(s.ctx, dir, client.QuotaDontSet, n)
	})
}

func clrSpaceQuota(s *session, args []string) error {
	t, dirs, err := storageType(args)
	if err != nil {
		return err
	}
	return s.each("clrSpaceQuota", dirs, func(c *client.Client, dir string) error {
		if t != 0 {
			return c.SetTypeQuota(s.ctx, dir, t, client.QuotaReset)
		}
		return c.SetQuota(s.ctx, dir, client.QuotaDontSet, client.QuotaReset)
	})
}
