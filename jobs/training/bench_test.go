package training

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/mrtest"
)

// BenchmarkWordCount counts 16 MB of Zipf-distributed words in one process.
func BenchmarkWordCount(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.05, 2, 200_000)
	var text bytes.Buffer
	for i := 0; text.Len() < 16<<20; i++ {
		fmt.Fprintf(&text, "w%d", z.Uint64())
		text.WriteByte("          \n"[i%11])
	}
	reg, err := mapreduce.NewRegistry(Programs()...)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	files := map[string]string{"/in/a": text.String()}
	for i := 0; b.Loop(); i++ {
		job, err := reg.BuildJob(&mapreduce.Invocation{Program: "wordcount", Args: []string{"/in", "/out"}})
		if err != nil {
			b.Fatal(err)
		}
		mrtest.Run(b, job, files)
	}
}
