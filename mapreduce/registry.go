package mapreduce

import (
	"fmt"
	"sort"
)

// Registry holds the programs of a binary by name. It is made once, in main, and then only read.
type Registry struct{ programs map[string]Program }

// NewRegistry makes a Registry; two programs with one name are a mistake of the binary.
func NewRegistry(programs ...Program) (*Registry, error) {
	r := &Registry{programs: map[string]Program{}}
	for _, p := range programs {
		if p.Name == "" || p.Build == nil {
			return nil, fmt.Errorf("program %q has no name or no Build", p.Name)
		}
		if _, twice := r.programs[p.Name]; twice {
			return nil, fmt.Errorf("two programs named %q", p.Name)
		}
		r.programs[p.Name] = p
	}
	return r, nil
}

// Lookup finds a program.
func (r *Registry) Lookup(name string) (Program, bool) {
	p, ok := r.programs[name]
	return p, ok
}

// Programs lists all, by name.
func (r *Registry) Programs() []Program {
	out := make([]Program, 0, len(r.programs))
	for _, p := range r.programs {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// BuildJob builds and checks the job of an invocation.
func (r *Registry) BuildJob(inv *Invocation) (*Job, error) {
	p, ok := r.Lookup(inv.Program)
	if !ok {
		return nil, fmt.Errorf("no program %q in this binary: `lode job programs` lists what there is", inv.Program)
	}
	if inv.Conf == nil {
		inv.Conf = NewConf(nil)
	}
	if err := inv.Conf.Check(); err != nil {
		return nil, err
	}
	j, err := p.Build(inv)
	if err != nil {
		return nil, err
	}
	if j.Name == "" {
		j.Name = p.Name
	}
	return j, j.Check()
}
