package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/conf"
)

// confFlags are the flags of everything that reads configuration.
func confFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "D", Usage: "a setting, `KEY=VALUE`; repeatable, stronger than files and environment"},
		&cli.StringFlag{Name: "conf", Usage: "a Hadoop configuration `DIRECTORY` (core-site.xml, hdfs-site.xml, lode.yaml)", EnvVars: []string{"HADOOP_CONF_DIR"}},
	}
}

// fsFlag names the cluster that a client command talks to.
func fsFlag() cli.Flag {
	return &cli.StringFlag{Name: "fs", Usage: "the file system, `URI` such as hdfs://host:8020", EnvVars: []string{"LODE_FS"}}
}

// addresses of the environment become keys, so that one cluster is named once for all commands.
var environmentKeys = map[string]string{"LODE_FS": "fs.defaultFS", "LODE_TOKEN": "lode.token"}

// loadConf reads the configuration of a command, base being what the command itself sets.
func loadConf(c *cli.Context, base map[string]string) (*conf.Conf, error) {
	var defines []string
	dir := ""
	if c != nil {
		defines, dir = c.StringSlice("D"), c.String("conf")
		if fs := c.String("fs"); fs != "" {
			defines = append([]string{"fs.defaultFS=" + fs}, defines...)
		}
	}
	return load(dir, defines, base)
}

func load(dir string, defines []string, base map[string]string) (*conf.Conf, error) {
	if base == nil {
		base = map[string]string{}
	}
	for env, key := range environmentKeys {
		if v := os.Getenv(env); v != "" {
			base[key] = v
		}
	}
	cfg, err := conf.Load(conf.LoadOptions{Dir: dir, Environ: os.Environ(), Defines: defines, Base: base,
		Warn: func(s string) { fmt.Fprintln(os.Stderr, "lode: "+s) }})
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return cfg, nil
}

// confCommand shows every key.
func confCommand() *cli.Command {
	return &cli.Command{
		Name: "conf", Usage: "every configuration key with its value and where it comes from", ArgsUsage: "[PART OF A KEY]",
		Flags: append(confFlags(), &cli.BoolFlag{Name: "json", Usage: "as JSON"}),
		Action: func(c *cli.Context) error {
			cfg, err := loadConf(c, nil)
			if err != nil {
				return err
			}
			var list []conf.Entry
			for _, e := range cfg.All() {
				if strings.Contains(e.Key, c.Args().First()) {
					list = append(list, e)
				}
			}
			if c.Bool("json") {
				return json.NewEncoder(c.App.Writer).Encode(list)
			}
			for _, e := range list {
				fmt.Fprintf(c.App.Writer, "%-60s %-24s %s\n", e.Key, e.Value, e.Origin)
			}
			return nil
		},
	}
}
