package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/cluster"
	"github.com/lodehq/lode/jobs/nft/scan"
	"github.com/lodehq/lode/query/sqlcli"
)

// goldCommands are typed as lode's and run by lode-gold, which links Iceberg and DuckDB.
func goldCommands() []*cli.Command {
	pass := func(name, usage string) *cli.Command {
		return &cli.Command{Name: name, Usage: usage + " (run by lode-gold)", SkipFlagParsing: true, HideHelp: true, Action: func(c *cli.Context) error {
			return runGold(append([]string{name}, c.Args().Slice()...))
		}}
	}
	return []*cli.Command{
		sqlcli.Command(),
		decode(),
		pass("ingest", "bring blocks and streams in: geth, …"),
		pass("table", "tables: list, describe, snapshots, optimize, expire, clone, …"),
		pass("catalog", "the Iceberg REST catalog alone"),
	}
}

// decode finds and decodes NFT logs in Parquet files, without a cluster.
func decode() *cli.Command {
	c := scan.Command()
	c.Usage += " (files of this machine, no cluster needed)"
	return c
}

// runGold replaces this process by lode-gold.
func runGold(args []string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	path, err := cluster.FindGold(exe)
	if err != nil {
		return err
	}
	if err := syscall.Exec(path, append([]string{"lode-gold"}, args...), os.Environ()); !errors.Is(err, syscall.ENOSYS) {
		return fmt.Errorf("start lode-gold: %w", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
