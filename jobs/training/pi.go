package training

import (
	"fmt"
	"strconv"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
)

// pi estimates by a quasi-Monte Carlo method: points of a Halton sequence in the unit square, inside or outside the circle.
func pi() mapreduce.Program {
	const usage = "<maps> <samples a map> [<out>]"
	return mapreduce.Program{Name: "pi", Usage: usage, Description: "estimates pi by counting points in a circle", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		if n := len(inv.Args); n != 2 && n != 3 {
			return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: "two or three arguments are needed"}
		}
		maps, err1 := strconv.Atoi(inv.Args[0])
		samples, err2 := strconv.ParseInt(inv.Args[1], 10, 64)
		if err1 != nil || err2 != nil || maps < 1 || samples < 1 {
			return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: "whole numbers above 0 are needed"}
		}
		dir := "/tmp/lode-pi"
		if len(inv.Args) == 3 {
			dir = inv.Args[2]
		}
		job := mapreduce.SingleStage("QuasiMonteCarlo", &mapreduce.Stage{
			Inputs: []mapreduce.Input{{Format: format.Range{Total: int64(maps), Tasks: maps}, Mapper: mapreduce.MapFunc(func(c *mapreduce.Context, key, _ []byte) error {
				n, err := mapreduce.DecodeInt64(key)
				if err != nil {
					return err
				}
				return c.EmitInt([]byte("inside"), inside(n*samples, samples))
			})}},
			Op: mapreduce.Sum(), Reduces: 1,
			Output: &format.TextOutput{Files: format.Files{Path: dir, Extend: true}, ValueOnly: true, ValueText: func(dst, v []byte) ([]byte, error) {
				n, err := mapreduce.DecodeInt64(v)
				return fmt.Appendf(dst, "Estimated value of Pi is %.20f", 4*float64(n)/float64(int64(maps)*samples)), err
			}},
		})
		return job, nil
	}}
}

// inside counts the points of the Halton sequence (bases 2 and 3) from start on that lie in the circle.
func inside(start, n int64) (count int64) {
	for i := start + 1; i <= start+n; i++ {
		x, y := halton(i, 2)-0.5, halton(i, 3)-0.5
		if x*x+y*y <= 0.25 {
			count++
		}
	}
	return count
}

func halton(i, base int64) (x float64) {
	f := 1.0
	for ; i > 0; i /= base {
		f /= float64(base)
		x += f * float64(i%base)
	}
	return x
}
