// Package cli holds the commands of the batch platform: `lode job …` and `lode streaming …`, for cmd/lode and for users' own job
// binaries. Output has the shape of Hadoop's client, because scripts read it; --json gives the same as JSON.
package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/mapreduce"
)

// Options is what the commands need from their binary.
type Options struct {
	Registry *mapreduce.Registry
	// LoadConf reads the configuration with some settings (key=value) over it.
	LoadConf func(defines []string) (*conf.Conf, error)
	// Own is set in a user's binary: jobs are submitted with this very binary.
	Own    bool
	Stdout io.Writer // nil: os.Stdout
	Stderr io.Writer // nil: os.Stderr
}

func (o *Options) defaults() {
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.LoadConf == nil {
		o.LoadConf = func(defines []string) (*conf.Conf, error) {
			base := map[string]string{}
			for env, key := range map[string]string{"LODE_FS": "fs.defaultFS", "LODE_TOKEN": "lode.token"} {
				if v := os.Getenv(env); v != "" {
					base[key] = v
				}
			}
			return conf.Load(conf.LoadOptions{Dir: os.Getenv("HADOOP_CONF_DIR"), Environ: os.Environ(), Defines: defines, Base: base})
		}
	}
}

// UsageError is a mistake on the command line: exit code 2.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

// ExitCode implements cli.ExitCoder.
func (e *UsageError) ExitCode() int { return 2 }

// failedError ends a command with exit code 1 when all has been said.
type failedError struct{}

func (failedError) Error() string { return "" }

// ExitCode implements cli.ExitCoder.
func (failedError) ExitCode() int { return 1 }

func usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }
