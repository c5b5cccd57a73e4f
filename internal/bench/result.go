package bench

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// Result is one measured figure.
type Result struct {
	Name      string  `json:"name"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`            // MB/s (10^6 bytes), ops/s, s
	Client    float64 `json:"client_cpu_s"`    // processor seconds of this process
	Servers   float64 `json:"servers_cpu_s"`   // processor seconds of the cluster's processes
	Wall      float64 `json:"wall_s"`          // how long it took
	Limit     string  `json:"limit,omitempty"` // the physical limit that binds it, by name
	LimitRate float64 `json:"limit_value,omitempty"`
	Note      string  `json:"note,omitempty"`
}

// Machine describes where the figures come from.
type Machine struct {
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Memory string    `json:"memory"`
	Kernel string    `json:"kernel"`
	Go     string    `json:"go"`
	When   time.Time `json:"when"`
}

// Report is a whole run.
type Report struct {
	Machine Machine  `json:"machine"`
	Limits  []Result `json:"limits"`
	Results []Result `json:"results"`
}

func machine(now time.Time) Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), When: now.UTC(), CPU: field("/proc/cpuinfo", "model name"), Memory: field("/proc/meminfo", "MemTotal")}
	if data, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(data))
	}
	return m
}

func field(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func (r Result) rate() string {
	switch {
	case r.Unit == "s":
		return fmt.Sprintf("%.3g s", r.Value)
	case r.Value >= 100:
		return fmt.Sprintf("%.0f %s", r.Value, r.Unit)
	}
	return fmt.Sprintf("%.3g %s", r.Value, r.Unit)
}

func (r Result) limit() string {
	if r.Limit == "" {
		return ""
	}
	return fmt.Sprintf("%s: %.0f %s", r.Limit, r.LimitRate, r.Unit)
}

// Line is a result as the terminal shows it.
func (r Result) Line() string {
	s := fmt.Sprintf("%-44s %14s   client %5.2f s, servers %5.2f s of processor", r.Name, r.rate(), r.Client, r.Servers)
	if l := r.limit(); l != "" {
		s += "   (" + l + ")"
	}
	return s
}

// Markdown writes the report as docs/performance.md carries it.
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %s, %d cores, %s of memory, Linux %s, %s, by `lode bench`. Client and servers share the cores.\n\n",
		r.Machine.When.Format("2006-01-02 15:04 MST"), r.Machine.CPU, r.Machine.Cores, r.Machine.Memory, r.Machine.Kernel, r.Machine.Go)
	b.WriteString("| physical limit | figure |\n|---|---|\n")
	for _, l := range r.Limits {
		fmt.Fprintf(&b, "| %s | %s |\n", l.Name, l.rate())
	}
	b.WriteString("\n| measure | figure | limit that binds it | client processor | servers' processor | note |\n|---|---|---|---|---|---|\n")
	for _, x := range r.Results {
		fmt.Fprintf(&b, "| %s | %s | %s | %.2f s | %.2f s | %s |\n", x.Name, x.rate(), x.limit(), x.Client, x.Servers, x.Note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
