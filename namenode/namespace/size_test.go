package namespace

import "testing"

func TestSizesAreWrittenAsHadoopDoes(t *testing.T) {
	for v, want := range map[int64]string{0: "0 B", 1000: "1000 B", 1024: "1 KB", 2560: "2.50 KB", 2000: "1.95 KB", 3 << 20: "3 MB", 1<<20 + 1: "1.00 MB",
		1 << 60: "1 EB", 1<<63 - 1: "8.00 EB", -2048: "-2 KB"} {
		if got := sizeText(v); got != want {
			t.Errorf("%d: %s, want %s", v, got, want)
		}
	}
}
