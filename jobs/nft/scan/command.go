package scan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/localfs"
)

// Command is `decode LOGS OUT`: every Parquet file of a local directory of logs becomes transfers in Parquet files of another.
func Command() *cli.Command {
	return &cli.Command{
		Name:      "decode",
		Usage:     "decode token transfers from Parquet files of logs, without tables or jobs",
		ArgsUsage: "LOGS OUT",
		Description: "Reads every *.parquet of the directory LOGS (columns block_number, transaction_hash, log_index, address, topic0 … topic3, data, as hex text: bronze tables, ethereum-etl, gen-logs) and\n" +
			"writes one row for each token moved (ERC-20, ERC-721, ERC-1155, batches taken apart) to OUT/transfers-<n>.parquet.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "workers", Usage: "how many files to read side by side", Value: runtime.NumCPU()},
			&cli.StringFlag{Name: "codec", Usage: "compression of what is written: zstd, snappy or uncompressed", Value: "zstd"},
			&cli.BoolFlag{Name: "json", Usage: "print what was done as JSON"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return fmt.Errorf("decode needs two directories, LOGS and OUT; %d arguments were given", c.NArg())
			}
			begin := time.Now()
			logs, err := filepath.Abs(c.Args().Get(0))
			if err != nil {
				return err
			}
			out, err := filepath.Abs(c.Args().Get(1))
			if err != nil {
				return err
			}
			n, err := Directory(c.Context, localfs.FS{}, logs, out, c.String("codec"), c.Int("workers"))
			if err != nil {
				return err
			}
			took := time.Since(begin).Seconds()
			if c.Bool("json") {
				return json.NewEncoder(c.App.Writer).Encode(map[string]any{"logs": n.Logs, "transfers": n.Transfers, "misfits": n.Misfits, "seconds": took})
			}
			_, err = fmt.Fprintf(c.App.Writer, "%d logs, %d transfers, %d logs that do not fit, %.2f s, %.0f logs/s\n", n.Logs, n.Transfers, n.Misfits, took, float64(n.Logs)/took)
			return err
		},
	}
}

// Directory decodes the Parquet files of a directory into another one, which is made.
func Directory(ctx context.Context, fsys mapreduce.FS, logs, out, codec string, workers int) (n Counts, err error) {
	infos, err := fsys.List(ctx, logs)
	if err != nil {
		return n, err
	}
	var files []File
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.ReaderAt.(io.Closer).Close())
		}
	}()
	for _, info := range infos {
		if info.Dir || !strings.HasSuffix(info.Name, ".parquet") {
			continue
		}
		f, err := fsys.Open(ctx, info.Path)
		if err != nil {
			return n, err
		}
		files = append(files, File{Name: info.Path, ReaderAt: f, Size: info.Size})
	}
	if len(files) == 0 {
		return n, fmt.Errorf("no *.parquet files in %s", logs)
	}
	return Run(ctx, files, max(1, min(workers, len(files))), codec, func(n int) (io.WriteCloser, error) {
		return fsys.Create(ctx, fmt.Sprintf("%s/transfers-%d.parquet", out, n), true)
	})
}
