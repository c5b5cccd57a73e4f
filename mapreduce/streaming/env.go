package streaming

import (
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

// environment is what an executable sees: the worker's cleaned environment, the whole job configuration with every character that
// is no letter or digit turned into _, then -cmdenv, then TMPDIR.
func (j *job) environment(c *mapreduce.Context, dir string) []string {
	vars := map[string]string{}
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		vars[k] = v
	}
	info := c.Info()
	set := func(name, value string) { vars[envName(name)] = value }
	for _, k := range j.conf.Keys() {
		set(k, j.conf.String("", k))
	}
	isMap := strconv.FormatBool(info.Map)
	partition := strconv.Itoa(info.Index)
	output := j.opts.output + "/_temporary/" + info.Job + "/" + info.Attempt
	for k, v := range map[string]string{
		"mapreduce.job.id": info.Job, "mapred.job.id": info.Job, "mapreduce.task.id": info.Task, "mapred.tip.id": info.Task,
		"mapreduce.task.attempt.id": info.Attempt, "mapred.task.id": info.Attempt, "mapreduce.task.ismap": isMap, "mapred.task.is.map": isMap,
		"mapreduce.task.partition": partition, "mapred.task.partition": partition, "mapreduce.job.reduces": strconv.Itoa(j.reduces),
		"mapreduce.job.user.name": info.User, "user.name": info.User, "mapreduce.task.output.dir": output, "mapred.work.output.dir": output,
		"mapreduce.output.fileoutputformat.outputdir": j.opts.output, "mapred.output.dir": j.opts.output,
		"mapreduce.input.fileinputformat.inputdir": strings.Join(j.opts.inputs, ","), "mapreduce.job.local.dir": dir, "mapreduce.job.cache.local.dir": dir,
	} {
		set(k, v)
	}
	if s := c.Split(); info.Map && s.Path != "" {
		set("mapreduce.map.input.file", s.Path)
		set("map.input.file", s.Path)
		for _, p := range []string{"mapreduce.", ""} {
			set(p+"map.input.start", strconv.FormatInt(s.Start, 10))
			set(p+"map.input.length", strconv.FormatInt(s.Length, 10))
		}
	}
	if limit := j.conf.Int(-1, "stream.jobconf.truncate.limit"); limit >= 0 {
		for k, v := range vars {
			if int64(len(v)) > limit {
				vars[k] = v[:limit]
			}
		}
	}
	for _, kv := range j.opts.env {
		vars[kv[0]] = kv[1]
	}
	vars["TMPDIR"] = filepath.Join(dir, "tmp")
	vars["PWD"] = dir
	vars["PATH"] = dir + ":" + vars["PATH"]
	out := make([]string, 0, len(vars))
	for k, v := range vars {
		if !strings.ContainsRune(v, 0) {
			out = append(out, k+"="+v)
		}
	}
	sort.Strings(out)
	return out
}

func envName(key string) string {
	b := []byte(key)
	for i, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			b[i] = '_'
		}
	}
	return string(b)
}
