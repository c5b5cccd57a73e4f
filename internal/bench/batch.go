package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/lodehq/lode/client"
)

// batch measures word count and a sort of TeraGen's records, each as a job on the cluster and in one process.
func (b *bench) batch(ctx context.Context, size int64) error {
	text := b.dir + "/text"
	fmt.Fprintf(b.o.Progress, "writing %d MB of words\n", size/1e6)
	w, err := b.client.Create(ctx, text+"/words.txt", client.CreateOptions{CreateParent: true, Overwrite: true, Replication: 1})
	if err != nil {
		return err
	}
	if err := writeWords(w, size, 200_000); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	rows := size / 100
	if _, err := b.lode(ctx, "job", "submit", "--wait", "teragen", "-D", "dfs.replication=1", strconv.FormatInt(rows, 10), b.dir+"/tera"); err != nil {
		return err
	}
	jobs := []struct {
		name string
		args []string
	}{
		{fmt.Sprintf("word count of %d MB, cluster", size/1e6), []string{"job", "submit", "--wait", "wordcount", text, b.dir + "/counts"}},
		{fmt.Sprintf("word count of %d MB, one process", size/1e6), []string{"job", "submit", "--wait", "--local", "wordcount", text, b.dir + "/counts-local"}},
		{fmt.Sprintf("sort of %d MB of 100-byte records, cluster", size/1e6), []string{"job", "submit", "--wait", "terasort", b.dir + "/tera", b.dir + "/sorted"}},
		{fmt.Sprintf("sort of %d MB of 100-byte records, one process", size/1e6), []string{"job", "submit", "--wait", "--local", "terasort", b.dir + "/tera", b.dir + "/sorted-local"}},
	}
	for _, j := range jobs {
		r, err := b.meter.measure(j.name, "s", func() (float64, error) {
			_, err := b.lode(ctx, j.args...)
			return 0, err
		})
		if err != nil {
			return err
		}
		r.Note = fmt.Sprintf("%.0f MB/s", float64(size)/mega/r.Wall)
		b.add(r)
	}
	_, err = b.lode(ctx, "job", "submit", "--wait", "teravalidate", b.dir+"/sorted", b.dir+"/report")
	return err
}

// writeWords writes lines of about ten words until size bytes are out; the words of the dictionary come with the frequencies of
// a natural language (Zipf), from a fixed seed.
func writeWords(w io.Writer, size int64, distinct int) error {
	rng := rand.New(rand.NewPCG(1, 2))
	dictionary := make([]string, distinct)
	for i := range dictionary {
		word := make([]byte, 2+rng.IntN(4)+int(math.Log2(float64(i+2)))/4)
		for j := range word {
			word[j] = byte('a' + rng.IntN(26))
		}
		dictionary[i] = string(word) + strconv.FormatInt(int64(i), 36)
	}
	zipf := rand.NewZipf(rng, 1.1, 1, uint64(distinct-1))
	out := bufio.NewWriterSize(w, 1<<20)
	for n, k := int64(0), 1; n < size; k++ {
		word := dictionary[zipf.Uint64()]
		out.WriteString(word) // Flush reports it
		sep := byte(' ')
		if k%10 == 0 {
			sep = '\n'
		}
		if err := out.WriteByte(sep); err != nil {
			return err
		}
		n += int64(len(word)) + 1
	}
	return out.Flush()
}
