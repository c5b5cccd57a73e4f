package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"
)

// storageCommands are Hadoop's own command lines, listed for help; run hands them to package shell before cli looks.
func storageCommands() []*cli.Command {
	var out []*cli.Command
	for _, c := range [][2]string{
		{"dfs", "files: the commands of `hdfs dfs`"}, {"dfsadmin", "the operator's commands of `hdfs dfsadmin`"}, {"fsck", "check files and blocks"},
		{"haadmin", "state of the namenodes"}, {"getconf", "configuration values"}, {"groups", "the groups of a user"},
	} {
		out = append(out, &cli.Command{Name: c[0], Usage: c[1], SkipFlagParsing: true, HideHelp: true, Action: func(ctx *cli.Context) error {
			return said(shellMain(ctx.Context, append([]string{c[0]}, ctx.Args().Slice()...)))
		}})
	}
	return out
}

// said is an exit code of a tool that has printed its own errors.
func said(code int) error {
	if code == 0 {
		return nil
	}
	return &exitError{code: code}
}

// healthCommand asks a server's /healthz, for container health checks where there is no curl.
func healthCommand() *cli.Command {
	return &cli.Command{
		Name: "health", Usage: "exit code 0 when the server at URL answers", ArgsUsage: "URL", Hidden: true,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return &exitError{exitUsage, fmt.Errorf("health takes one URL, such as http://127.0.0.1:9870")}
			}
			ctx, cancel := context.WithTimeout(c.Context, 5*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Args().First(), nil)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode >= 500 {
				return fmt.Errorf("%s answers %s", c.Args().First(), resp.Status)
			}
			return nil
		},
	}
}
