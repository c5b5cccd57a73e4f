package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// files shows the file system by Hadoop's own lines.
func (d *demo) files(ctx context.Context) error {
	d.title("Files in HDFS, by Hadoop's own lines")
	story := filepath.Join(d.work, "story.txt")
	if err := os.WriteFile(story, []byte(storyText()), 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"dfs", "-mkdir", "-p", "/books"},
		{"dfs", "-D", "dfs.blocksize=1048576", "-put", story, "/books/story.txt"},
	} {
		if _, err := d.lode(ctx, args...); err != nil {
			return err
		}
	}
	out, err := d.lode(ctx, "dfs", "-ls", "-R", "/books")
	if err != nil {
		return err
	}
	fmt.Fprint(d.o.Out, indent(out))
	back, err := d.client.ReadFile(ctx, "/books/story.txt")
	if err != nil {
		return err
	}
	locations, err := d.client.Locations(ctx, "/books/story.txt", 0, -1)
	if err != nil {
		return err
	}
	d.right(string(back) == storyText(), "%d bytes in %d blocks of three replicas come back as they went in", len(back), len(locations))
	return nil
}

// storyText is a text of some megabytes, made by a small grammar from a fixed seed: nobody's book, and its counts are known.
func storyText() string {
	nouns := strings.Fields("miner vein lode river mountain lamp shaft ledger block chain basket mule gold silver bronze assayer map tunnel")
	verbs := strings.Fields("finds follows carries weighs counts loses digs stores reads trades")
	var b strings.Builder
	x := uint64(42)
	pick := func(words []string) string {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return words[x%uint64(len(words))]
	}
	for b.Len() < 3<<20 {
		fmt.Fprintf(&b, "the %s %s the %s and the %s %s a %s\n", pick(nouns), pick(verbs), pick(nouns), pick(nouns), pick(verbs), pick(nouns))
	}
	return b.String()
}

// counts are the words of a text by a plain loop.
func counts(text string) map[string]int {
	m := map[string]int{}
	for _, w := range strings.Fields(text) {
		m[w]++
	}
	return m
}

// wordCount runs it as a Go job and as Hadoop Streaming.
func (d *demo) wordCount(ctx context.Context) error {
	d.title("Word count, as a Go job and as Hadoop Streaming")
	if _, err := d.lode(ctx, "job", "submit", "--wait", "wordcount", "/books", "/out/counts"); err != nil {
		return err
	}
	mapper, reducer := filepath.Join(d.work, "map.sh"), filepath.Join(d.work, "reduce.sh")
	for file, text := range map[string]string{
		mapper:  "#!/bin/sh\nexec tr -s ' ' '\\n' | awk 'NF { print $1 \"\\t1\" }'\n",
		reducer: "#!/bin/sh\nexec awk -F'\\t' '$1 \"\" != k \"\" { if (NR > 1) print k \"\\t\" n; k = $1; n = 0 } { n += $2 } END { if (NR) print k \"\\t\" n }'\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			return err
		}
	}
	want := counts(storyText())
	got, err := d.countsOf(ctx, "/out/counts")
	if err != nil {
		return err
	}
	d.right(same(got, want), "the Go job counts %d words as a plain loop does", len(want))
	if _, err := os.Stat("/bin/sh"); err != nil {
		d.skipped = append(d.skipped, "Hadoop Streaming: this machine has no /bin/sh to run a mapper with")
		return nil
	}
	if _, err := d.lode(ctx, "streaming", "-files", mapper+","+reducer, "-input", "/books", "-output", "/out/streaming", "-mapper", "sh map.sh", "-reducer", "sh reduce.sh"); err != nil {
		return err
	}
	if got, err = d.countsOf(ctx, "/out/streaming"); err != nil {
		return err
	}
	d.right(same(got, want), "Hadoop Streaming with a shell mapper counts the same")
	return nil
}

// countsOf reads word TAB count from the part files of a job.
func (d *demo) countsOf(ctx context.Context, dir string) (map[string]int, error) {
	parts, err := d.client.Glob(ctx, dir+"/part-*")
	if err != nil {
		return nil, err
	}
	m := map[string]int{}
	for _, p := range parts {
		data, err := d.client.ReadFile(ctx, p.Path())
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			word, n, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t")
			count, err := strconv.Atoi(n)
			if !ok || err != nil {
				return nil, fmt.Errorf("%s: %q is no word and count", p.Path(), line)
			}
			m[word] += count
		}
	}
	return m, nil
}

func same(a, b map[string]int) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}
