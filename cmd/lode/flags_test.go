package main

import (
	"slices"
	"strings"
	"testing"
)

func TestFlagsMayComeLast(t *testing.T) {
	app := newApp()
	for line, want := range map[string]string{
		"lode bench storage --size 10 --json":                "lode bench --size 10 --json storage",
		"lode cluster stop datanode1 --kill --dir /d":        "lode cluster stop --kill --dir /d datanode1",
		"lode cluster stop --dir=/d datanode1 -- --odd":      "lode cluster stop --dir=/d datanode1 -- --odd",
		"lode job submit wordcount /in /out --wait":          "lode job submit wordcount /in /out --wait",
		"lode dfs -ls -R /":                                  "lode dfs -ls -R /",
		"lode conf dfs.replication -D dfs.replication=2":     "lode conf -D dfs.replication=2 dfs.replication",
		"lode standalone --dir d -D a=b --datanodes 2 extra": "lode standalone --dir d -D a=b --datanodes 2 extra",
	} {
		if got := flagsFirst(app, strings.Fields(line)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s\n got %s\nwant %s", line, strings.Join(got, " "), want)
		}
	}
}
