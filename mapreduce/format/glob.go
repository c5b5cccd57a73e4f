package format

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

// PathError says that an input path means no files; the messages are those of Hadoop's FileInputFormat.
type PathError struct{ Message string }

func (e *PathError) Error() string { return e.Message }

// Expand finds the files that input paths mean: globs (* ? [ ] { }) are expanded, hidden names (_x, .x) skipped, directories
// listed one level deep (all levels when recursive). A directory inside a directory is refused unless recursive.
func Expand(ctx context.Context, fsys mapreduce.FS, paths []string, recursive bool) ([]mapreduce.FileInfo, error) {
	var files []mapreduce.FileInfo
	for _, p := range paths {
		roots, err := Glob(ctx, fsys, p)
		if err != nil {
			return nil, err
		}
		for _, root := range roots {
			if files, err = expandOne(ctx, fsys, root, recursive, files); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

func expandOne(ctx context.Context, fsys mapreduce.FS, root mapreduce.FileInfo, recursive bool, files []mapreduce.FileInfo) ([]mapreduce.FileInfo, error) {
	if !root.Dir {
		return append(files, root), nil
	}
	entries, err := fsys.List(ctx, root.Path)
	if err != nil {
		return nil, fmt.Errorf("list input %s: %w", root.Path, err)
	}
	for _, e := range entries {
		switch {
		case Hidden(e.Name):
		case !e.Dir:
			files = append(files, e)
		case !recursive:
			return nil, &PathError{fmt.Sprintf("Not a file: %s (a directory in the input directory; set mapreduce.input.fileinputformat.input.dir.recursive=true to read it)", e.Path)}
		default:
			if files, err = expandOne(ctx, fsys, e, true, files); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// Hidden tells whether an input listing skips the name.
func Hidden(name string) bool { return strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") }

// Glob expands one path. A path without special characters must exist; a pattern must match something.
func Glob(ctx context.Context, fsys mapreduce.FS, p string) ([]mapreduce.FileInfo, error) {
	if !strings.ContainsAny(p, "*?[{") {
		info, err := fsys.Stat(ctx, p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &PathError{"Input path does not exist: " + p}
		}
		if err != nil {
			return nil, err
		}
		info.Path = p
		return []mapreduce.FileInfo{info}, nil
	}
	var out []mapreduce.FileInfo
	for _, one := range expandBraces(p) {
		found, err := globOne(ctx, fsys, one)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	if len(out) == 0 {
		return nil, &PathError{"Input Pattern " + p + " matches 0 files"}
	}
	return out, nil
}

func globOne(ctx context.Context, fsys mapreduce.FS, p string) ([]mapreduce.FileInfo, error) {
	prefix, rest := "", p
	if i := strings.Index(p, "://"); i >= 0 {
		if j := strings.Index(p[i+3:], "/"); j >= 0 {
			prefix, rest = p[:i+3+j], p[i+3+j:]
		}
	}
	level := []mapreduce.FileInfo{{Path: prefix + "/", Dir: true}}
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	for n, part := range parts {
		var next []mapreduce.FileInfo
		for _, d := range level {
			if !d.Dir {
				continue
			}
			if !strings.ContainsAny(part, `*?[\`) {
				info, err := fsys.Stat(ctx, strings.TrimSuffix(d.Path, "/")+"/"+part)
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					return nil, err
				}
				info.Path = strings.TrimSuffix(d.Path, "/") + "/" + part
				next = append(next, info)
				continue
			}
			entries, err := fsys.List(ctx, d.Path)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				ok, err := path.Match(part, e.Name)
				if err != nil {
					return nil, &PathError{fmt.Sprintf("Illegal file pattern: %s in %s", part, p)}
				}
				if ok && (n < len(parts)-1 || !Hidden(e.Name)) {
					next = append(next, e)
				}
			}
		}
		level = next
	}
	return level, nil
}

// expandBraces turns a{b,c}d into abd and acd, nested braces included.
func expandBraces(p string) []string {
	open := strings.IndexByte(p, '{')
	if open < 0 {
		return []string{p}
	}
	depth, start := 0, open+1
	var parts []string
	for i := open; i < len(p); i++ {
		switch p[i] {
		case '{':
			depth++
		case ',':
			if depth == 1 {
				parts = append(parts, p[start:i])
				start = i + 1
			}
		case '}':
			if depth--; depth == 0 {
				parts = append(parts, p[start:i])
				var out []string
				for _, part := range parts {
					out = append(out, expandBraces(p[:open]+part+p[i+1:])...)
				}
				return out
			}
		}
	}
	return []string{p}
}
