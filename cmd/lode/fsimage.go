package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/vfs"
	"github.com/lodehq/lode/namenode"
	"github.com/lodehq/lode/namenode/fsimage"
)

// importCommand takes over an Apache namenode's directory.
func importCommand() *cli.Command {
	return &cli.Command{
		Name: "import", Usage: "make a namenode directory of an Apache 3.x namenode's (fsimage, no edits)",
		Description: "Before: hdfs dfsadmin -safemode enter && hdfs dfsadmin -saveNamespace, then stop Apache's namenode. The Apache directory is only read.\n" +
			"After: start lode namenode with dfs.namenode.name.dir at the new directory; datanodes serve their old data directories.",
		Flags: append(confFlags(),
			&cli.StringFlag{Name: "from", Usage: "Apache's name `DIRECTORY` (dfs.namenode.name.dir), or a copy of it", Required: true},
			&cli.StringFlag{Name: "dir", Usage: "the new `DIRECTORY`, empty or not there yet (default: dfs.namenode.name.dir)"}),
		Action: func(c *cli.Context) error {
			cfg, err := nameConfig(c)
			if err != nil {
				return err
			}
			got, err := fsimage.Import(c.Context, fsimage.ImportConfig{FS: vfs.OS(), From: c.String("from"), Dir: cfg.Dir, Namespace: cfg.Namespace, ID: cfg.ID, Peers: cfg.Peers, Logger: cfg.Logger})
			for _, w := range got.Warnings {
				fmt.Fprintln(c.App.ErrWriter, "lode: "+w)
			}
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			fmt.Fprintf(c.App.Writer, "%s: %d files, %d directories, %d blocks, %d snapshots, %d open files, cluster %s, pool %s, in %v\n", got.Image,
				got.Files, got.Directories, got.Blocks, got.Snapshots, got.OpenFiles, got.Cluster.ClusterID, got.Cluster.BlockPoolID, got.Took.Round(time.Millisecond))
			return nil
		},
	}
}

// exportCommand writes the namespace of a stopped namenode as an fsimage of Apache's.
func exportCommand() *cli.Command {
	return &cli.Command{
		Name: "export", Usage: "write a stopped namenode's namespace as an Apache fsimage (from a running one: hdfs dfsadmin -fetchImage DIR)",
		Flags: append(confFlags(),
			&cli.StringFlag{Name: "dir", Usage: "the namenode's `DIRECTORY` (default: dfs.namenode.name.dir)"},
			&cli.StringFlag{Name: "out", Usage: "the `FILE` to write; its MD5 goes to FILE.md5", Required: true}),
		Action: func(c *cli.Context) error {
			cfg, err := nameConfig(c)
			if err != nil {
				return err
			}
			n, err := fsimage.Load(cfg.Dir, cfg.Namespace, cfg.Logger)
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			size, _, err := fsimage.Export(c.Context, vfs.OS(), n, c.String("out"))
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			s := n.Stats()
			fmt.Fprintf(c.App.Writer, "%s: %d bytes, %d files, %d directories, %d blocks, transaction %d\n", c.String("out"), size, s.Files, s.Directories, s.Blocks, s.Applied)
			return nil
		},
	}
}

// nameConfig is the configuration of a namenode, its directory being the one that the command line names.
func nameConfig(c *cli.Context) (namenode.Config, error) {
	if c.NArg() > 0 {
		return namenode.Config{}, &exitError{exitUsage, errors.New(c.Command.Name + " takes flags only")}
	}
	base := map[string]string{}
	if dir := c.String("dir"); dir != "" {
		base["dfs.namenode.name.dir"] = dir
	}
	cfg, err := loadConf(c, base)
	if err != nil {
		return namenode.Config{}, err
	}
	if dir := c.String("dir"); dir != "" { // the flag is nearer than files
		cfg = cfg.With("dfs.namenode.name.dir", dir)
	}
	return namenode.FromConf(cfg, newLogger(cfg))
}
