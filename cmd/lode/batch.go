package main

import (
	"context"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/jobs/chain"
	"github.com/lodehq/lode/jobs/interactions"
	"github.com/lodehq/lode/jobs/nft"
	"github.com/lodehq/lode/jobs/training"
	"github.com/lodehq/lode/mapreduce"
	batchcli "github.com/lodehq/lode/mapreduce/cli"
	"github.com/lodehq/lode/mapreduce/distcp"
	"github.com/lodehq/lode/mapreduce/role"
	"github.com/lodehq/lode/mapreduce/streaming"
	"github.com/lodehq/lode/mapreduce/tableio"
)

// registry holds the programs that this binary can run.
var registry = sync.OnceValues(func() (*mapreduce.Registry, error) {
	var all []mapreduce.Program
	tables := chain.Tables{Output: tableio.Output, Input: tableio.Input}
	all = append(all, streaming.Program(), distcp.Program())
	all = append(all, training.Programs()...)
	all = append(all, chain.Programs(tables)...)
	all = append(all, nft.Programs(tables)...)
	all = append(all, interactions.Programs(tableio.Output)...)
	return mapreduce.NewRegistry(all...)
})

// programs is registry where a mistake in it cannot be the user's.
func programs() *mapreduce.Registry {
	r, err := registry()
	if err != nil {
		panic(err)
	}
	return r
}

// taskProcess serves tasks when a worker has started this process for that.
func taskProcess(context.Context) (code int, is bool) { return role.TaskProcess(registry) }

// batchCommands are `lode job` and `lode streaming`.
func batchCommands() []*cli.Command {
	return batchcli.Commands(batchcli.Options{Registry: programs(), LoadConf: func(defines []string) (*conf.Conf, error) {
		return load("", defines, nil)
	}})
}

// roleAction is what an argument after a role asks for; there is none yet but help.
func roleAction(_ *cli.Context, name string) error {
	return &exitError{exitUsage, errUnexpected(name)}
}

type errUnexpected string

func (e errUnexpected) Error() string {
	return string(e) + " takes no arguments; its settings are -D key=value (lode conf lists the keys)"
}
