// Package distcp copies files and directories between clusters as a job, as Hadoop's DistCp does: any hdfs:// (Lode's or Apache's) and
// file:// on either side.
//
// The setup task walks the sources and deals the files out to map tasks of about equal bytes; each map task copies its files one by
// one: into a hidden file beside the target, checksums compared, then renamed, so that a target is whole or not there. The commit
// task, after all of them, deletes what is not in the sources (-delete) and gives directories their attributes (-p).
package distcp

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

const usage = `[-update | -overwrite] [-delete] [-p[rbugpt]] [-m N] [-i] [-skipcrccheck] SOURCE… TARGET
  -update        copy what is missing or differs in size or checksum; the sources' contents go directly into TARGET
  -overwrite     copy everything, over what is there; likewise
  -delete        remove from TARGET what is not in the sources (with -update or -overwrite)
  -p[rbugpt]     keep replication, block size, user, group, permission, times; -p alone keeps all
  -m N           at most N map tasks (20)
  -i             go on when a file cannot be copied
  -skipcrccheck  do not compare checksums`

type options struct {
	update, overwrite, remove, ignore, skipCRC bool
	keep                                       string // letters of -p
	maps                                       int
	sources                                    []string
	target                                     string
}

// Program is distcp.
func Program() mapreduce.Program {
	return mapreduce.Program{Name: "distcp", Usage: usage, Description: "copies files between clusters", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		o, err := parse(inv.Args)
		if err != nil {
			return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: err.Error()}
		}
		return mapreduce.SingleStage("distcp", &mapreduce.Stage{
			Inputs: []mapreduce.Input{{Format: listing{o}, Mapper: func() mapreduce.Mapper { return &copier{o: o} }}},
			Output: finish{o},
			Conf:   mapreduce.NewConf(map[string]string{"mapreduce.map.speculative": "false"}),
		}), nil
	}}
}

const allKept = "rbugpt"

func parse(args []string) (*options, error) {
	o := &options{maps: 20}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		a := args[0]
		args = args[1:]
		switch {
		case a == "-update":
			o.update = true
		case a == "-overwrite":
			o.overwrite = true
		case a == "-delete":
			o.remove = true
		case a == "-i":
			o.ignore = true
		case a == "-skipcrccheck":
			o.skipCRC = true
		case a == "-m":
			if len(args) == 0 {
				return nil, fmt.Errorf("-m needs a number of map tasks")
			}
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 {
				return nil, fmt.Errorf("-m %s: a number above 0 is needed", args[0])
			}
			o.maps, args = n, args[1:]
		case strings.HasPrefix(a, "-p"):
			if o.keep = a[2:]; o.keep == "" {
				o.keep = allKept
			}
			if bad := strings.Trim(o.keep, allKept); bad != "" {
				return nil, fmt.Errorf("-p%s: %q is not kept by this distcp, only %s are (ACLs, extended attributes and checksum types are not)", o.keep, bad, allKept)
			}
		default:
			return nil, fmt.Errorf("unknown option %s", a)
		}
	}
	switch {
	case len(args) < 2:
		return nil, fmt.Errorf("sources and a target are needed")
	case o.update && o.overwrite:
		return nil, fmt.Errorf("-update and -overwrite exclude each other")
	case o.remove && !o.update && !o.overwrite:
		return nil, fmt.Errorf("-delete needs -update or -overwrite")
	case o.skipCRC && !o.update:
		return nil, fmt.Errorf("-skipcrccheck needs -update")
	}
	o.sources, o.target = args[:len(args)-1], strings.TrimRight(args[len(args)-1], "/")
	for i, s := range o.sources {
		if o.sources[i] = strings.TrimRight(s, "/"); o.sources[i] == "" {
			o.sources[i] = "/"
		}
	}
	return o, nil
}

// item is a file or directory to copy.
type item struct {
	From string `json:"from"`
	To   string `json:"to"`
	Size int64  `json:"size"`
	Dir  bool   `json:"dir,omitempty"`
}

func base(p string) string { return path.Base(p) }
