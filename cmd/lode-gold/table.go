//go:build cgo && duckdb_arrow

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/storage"
)

func tableCommand() *cli.Command {
	jsonFlag := &cli.BoolFlag{Name: "json", Usage: "answer as JSON"}
	return &cli.Command{Name: "table", Usage: "Iceberg tables: plan, commit, list, describe, maintain", Subcommands: []*cli.Command{
		{Name: "plan", Usage: "the data files of a table as JSON, for a job to read", Flags: commonFlags(
			&cli.StringFlag{Name: "table", Required: true, Usage: "`NAMESPACE.TABLE`"}, &cli.StringFlag{Name: "columns", Usage: "comma-separated `LIST`; all if left out"},
			&cli.StringFlag{Name: "filter", Usage: `JSON {"and":[{"column","op","value"}]}`}, &cli.Int64Flag{Name: "snapshot", Usage: "`ID` of an older snapshot"},
			&cli.BoolFlag{Name: "must-exist", Usage: "a missing table is an error"}, &cli.StringFlag{Name: "out", Usage: "write to `FILE` instead of standard output"}, jsonFlag), Action: with(runPlan)},
		{Name: "commit", Usage: "one snapshot of the files in a manifest; several manifests at once", Flags: commonFlags(
			&cli.StringSliceFlag{Name: "manifest", Required: true, Usage: "`FILE`: local, hdfs://…, or - for standard input; again for more. A file may hold several, one after another"},
			&cli.StringFlag{Name: "commit-id", Usage: "overrides the manifest's"}, jsonFlag), Action: with(runCommit)},
		{Name: "list", ArgsUsage: "[NAMESPACE]", Usage: "the tables", Flags: commonFlags(jsonFlag), Action: with(runList)},
		{Name: "describe", ArgsUsage: "NAMESPACE.TABLE", Usage: "columns, partitions, size", Flags: commonFlags(jsonFlag), Action: with(runDescribe)},
		{Name: "snapshots", ArgsUsage: "NAMESPACE.TABLE", Usage: "the history", Flags: commonFlags(jsonFlag), Action: with(runSnapshots)},
		{Name: "optimize", ArgsUsage: "NAMESPACE.TABLE …", Usage: "rewrite small files into full ones", Flags: commonFlags(&cli.Int64Flag{Name: "target-bytes", Value: 128 << 20, Usage: "size of a full file"}, jsonFlag), Action: with(runOptimize)},
		{Name: "expire", ArgsUsage: "NAMESPACE.TABLE …", Usage: "remove old snapshots and the files that only they need", Flags: commonFlags(
			&cli.DurationFlag{Name: "older-than", Value: 7 * 24 * time.Hour}, &cli.IntFlag{Name: "keep", Value: 5, Usage: "always keep the newest `N`"}, jsonFlag), Action: with(runExpire)},
		{Name: "orphans", ArgsUsage: "NAMESPACE.TABLE …", Usage: "files that no snapshot names", Flags: commonFlags(
			&cli.DurationFlag{Name: "older-than", Value: 72 * time.Hour}, &cli.BoolFlag{Name: "delete", Usage: "remove them"}, jsonFlag), Action: with(runOrphans)},
		{Name: "clone", ArgsUsage: "SOURCE TARGET", Usage: "a table that shares the files of another", Flags: commonFlags(jsonFlag), Action: with(runClone)},
		{Name: "rename", ArgsUsage: "OLD NEW", Usage: "another name for a table", Flags: commonFlags(), Action: with(runRename)},
		{Name: "drop", ArgsUsage: "NAMESPACE.TABLE", Usage: "take a table out of the catalog", Flags: commonFlags(&cli.BoolFlag{Name: "purge", Usage: "delete its files too"}), Action: with(runDrop)},
	}}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// args answers exactly n arguments.
func args(c *cli.Context, n int) ([]string, error) {
	if c.NArg() != n {
		return nil, usagef("lode table %s takes %s; flags come before it", c.Command.Name, c.Command.ArgsUsage)
	}
	return c.Args().Slice(), nil
}

func runPlan(c *cli.Context, s *setup) error {
	req := table.PlanRequest{Table: c.String("table"), Snapshot: c.Int64("snapshot")}
	if cols := c.String("columns"); cols != "" {
		req.Columns = strings.Split(cols, ",")
	}
	if f := c.String("filter"); f != "" {
		d := json.NewDecoder(strings.NewReader(f))
		d.UseNumber()
		if err := d.Decode(&req.Filter); err != nil {
			return usagef("--filter: %w", err)
		}
	}
	plan, err := s.cat.PlanFiles(c.Context, req)
	if err != nil {
		return err
	}
	if !plan.Exists && c.Bool("must-exist") {
		return fmt.Errorf("table %s does not exist; `lode table list` shows what does", req.Table)
	}
	out := c.String("out")
	if out == "" {
		return printJSON(c.App.Writer, plan)
	}
	var b bytes.Buffer
	if err := printJSON(&b, plan); err != nil {
		return err
	}
	if err := os.WriteFile(out+".tmp", b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(out+".tmp", out)
}

// parallelCommits bounds the tables that are committed at the same time: a commit is mostly waiting for the file system.
const parallelCommits = 8

// runCommit commits every manifest that it is given, whatever happens to the others: doing it all again is harmless. The JSON answer is an object for one
// manifest and a list, in the order of the manifests, for several.
func runCommit(c *cli.Context, s *setup) error {
	var manifests []*datafile.Manifest
	for _, from := range c.StringSlice("manifest") {
		more, err := readManifests(c, s, from)
		if err != nil {
			return err
		}
		manifests = append(manifests, more...)
	}
	if c.String("commit-id") != "" && len(manifests) != 1 {
		return usagef("--commit-id is for one manifest, here are %d", len(manifests))
	}
	results := make([]table.CommitResult, len(manifests))
	failed := make([]error, len(manifests))
	var g errgroup.Group
	g.SetLimit(parallelCommits)
	for i, m := range manifests {
		g.Go(func() error {
			results[i], failed[i] = s.cat.Commit(c.Context, m)
			return nil
		})
	}
	_ = g.Wait() // the errors are in failed, each by its manifest
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if c.Bool("json") {
		if len(results) == 1 {
			return printJSON(c.App.Writer, results[0])
		}
		return printJSON(c.App.Writer, results)
	}
	for _, res := range results {
		done := "committed"
		if res.Already {
			done = "was committed before"
		}
		if _, err := fmt.Fprintf(c.App.Writer, "%s: snapshot %d %s, %d files, %d records\n", res.Table, res.Snapshot, done, res.Files, res.Records); err != nil {
			return err
		}
	}
	return nil
}

// readManifests reads all manifests of a file.
func readManifests(c *cli.Context, s *setup, from string) ([]*datafile.Manifest, error) {
	data, err := readManifest(c, s, from)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	var out []*datafile.Manifest
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		var one json.RawMessage
		if err := d.Decode(&one); errors.Is(err, io.EOF) && len(out) > 0 {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("read manifest %s: %w", from, err)
		}
		if id := c.String("commit-id"); id != "" {
			if one, err = setCommitID(one, id); err != nil {
				return nil, err
			}
		}
		m, err := datafile.DecodeManifest(bytes.NewReader(one))
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
}

func readManifest(c *cli.Context, s *setup, from string) ([]byte, error) {
	if from == "-" {
		return io.ReadAll(c.App.Reader)
	}
	if strings.Contains(from, "://") {
		name, err := storage.Name(s.fs, from)
		if err != nil {
			return nil, err
		}
		return storage.ReadFile(c.Context, s.fs, name)
	}
	data, err := os.ReadFile(from)
	if os.IsNotExist(err) && filepath.IsAbs(from) { // a name in the file system without its URI
		return storage.ReadFile(c.Context, s.fs, from)
	}
	return data, err
}

func setCommitID(data []byte, id string) ([]byte, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	raw["commit_id"], _ = json.Marshal(id)
	return json.Marshal(raw)
}

func runList(c *cli.Context, s *setup) error {
	names, err := s.cat.List(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, names)
	}
	for _, n := range names {
		fmt.Fprintln(c.App.Writer, n)
	}
	return nil
}

func runDescribe(c *cli.Context, s *setup) error {
	a, err := args(c, 1)
	if err != nil {
		return err
	}
	d, err := s.cat.Describe(c.Context, a[0])
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, d)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "table\t%s\nlocation\t%s\n", d.Table, d.Location)
	if d.Comment != "" {
		fmt.Fprintf(w, "comment\t%s\n", d.Comment)
	}
	fmt.Fprintf(w, "partition\t%s\nsort\t%s\nsnapshot\t%d\nrecords\t%s\nfiles\t%s\nbytes\t%s\n\n", strings.Join(d.Partition, ", "), strings.Join(d.Sort, ", "), d.Snapshot, d.Records, d.Files, d.Bytes)
	for _, f := range d.Columns {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", f.ID, f.Name, f.Type, f.Doc)
	}
	return w.Flush()
}

func runSnapshots(c *cli.Context, s *setup) error {
	a, err := args(c, 1)
	if err != nil {
		return err
	}
	list, err := s.cat.Snapshots(c.Context, a[0])
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, list)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SNAPSHOT\tTIME\tOPERATION\tADDED\tREMOVED\tRECORDS\tREFS")
	for _, i := range list {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", i.ID, i.Time.Format(time.RFC3339), i.Operation, i.Summary["added-records"], i.Summary["deleted-records"], i.Summary["total-records"], strings.Join(i.Refs, " "))
	}
	return w.Flush()
}

// eachTable runs f for every named table.
func eachTable(c *cli.Context, f func(name string) error) error {
	if c.NArg() == 0 {
		return usagef("lode table %s takes %s", c.Command.Name, c.Command.ArgsUsage)
	}
	for _, name := range c.Args().Slice() {
		if err := f(name); err != nil {
			return err
		}
	}
	return nil
}

func runOptimize(c *cli.Context, s *setup) error {
	return eachTable(c, func(name string) error {
		res, err := s.cat.Optimize(c.Context, name, table.OptimizeOptions{TargetBytes: c.Int64("target-bytes")})
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return printJSON(c.App.Writer, res)
		}
		_, err = fmt.Fprintf(c.App.Writer, "%s: %d of %d files became %d\n", name, res.FilesRemoved, res.FilesBefore, res.FilesAdded)
		return err
	})
}

func runExpire(c *cli.Context, s *setup) error {
	return eachTable(c, func(name string) error {
		res, err := s.cat.Expire(c.Context, name, c.Duration("older-than"), c.Int("keep"))
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return printJSON(c.App.Writer, res)
		}
		_, err = fmt.Fprintf(c.App.Writer, "%s: %d snapshots expired, %d kept, %d old metadata files removed\n", name, res.Expired, res.Kept, res.MetadataRemoved)
		return err
	})
}

func runOrphans(c *cli.Context, s *setup) error {
	return eachTable(c, func(name string) error {
		list, err := s.cat.Orphans(c.Context, name, c.Duration("older-than"), c.Bool("delete"))
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return printJSON(c.App.Writer, list)
		}
		for _, o := range list {
			fmt.Fprintf(c.App.Writer, "%s\t%d\t%s\n", o.Path, o.Bytes, o.Modified.Format(time.RFC3339))
		}
		return nil
	})
}

func runClone(c *cli.Context, s *setup) error {
	a, err := args(c, 2)
	if err != nil {
		return err
	}
	t, err := s.cat.Clone(c.Context, a[0], a[1])
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, map[string]string{"table": a[1], "clone_of": a[0], "location": t.Location()})
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s shares the files of %s\n", a[1], a[0])
	return err
}

func runRename(c *cli.Context, s *setup) error {
	a, err := args(c, 2)
	if err != nil {
		return err
	}
	from, err := table.ParseIdent(a[0])
	if err != nil {
		return err
	}
	to, err := table.ParseIdent(a[1])
	if err != nil {
		return err
	}
	return s.cat.RenameTable(c.Context, from, to)
}

func runDrop(c *cli.Context, s *setup) error {
	a, err := args(c, 1)
	if err != nil {
		return err
	}
	ident, err := table.ParseIdent(a[0])
	if err != nil {
		return err
	}
	return s.cat.DropTable(c.Context, ident, c.Bool("purge"))
}
