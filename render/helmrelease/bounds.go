package helmrelease

import (
	"fmt"
	"strings"
	"text/template"
)

// What one call of a template function may yield at most. No chart comes near
// it, and a template cannot fill the memory of the machine with one call.
const (
	maxText = 16 << 20
	maxList = 1 << 20
)

// bounded yields the functions whose argument says how much they make.
func bounded() template.FuncMap {
	return template.FuncMap{
		"repeat": func(n int, text string) (string, error) {
			if err := fits(n, len(text)); err != nil {
				return "", err
			}
			return strings.Repeat(text, n), nil
		},
		"indent":  indent,
		"nindent": func(n int, text string) (string, error) { out, err := indent(n, text); return "\n" + out, err },
		"until": func(to int) ([]int, error) {
			if to < 0 {
				return steps(0, to, -1)
			}
			return steps(0, to, 1)
		},
		"untilStep": steps,
		"seq":       sequence,
	}
}

// fits is an error for n pieces of a size that are too much together.
func fits(n, size int) error {
	if n < 0 {
		return fmt.Errorf("negative count %d", n)
	}
	if size > 0 && n > maxText/size {
		return fmt.Errorf("a text of %d times %d bytes is too long", n, size)
	}
	return nil
}

func indent(n int, text string) (string, error) {
	if err := fits(n, strings.Count(text, "\n")+1); err != nil {
		return "", err
	}
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad), nil
}

// steps lists the numbers from start up to, or down to, stop.
func steps(start, stop, step int) ([]int, error) {
	out := []int{}
	forward := stop >= start && step > 0
	if !forward && (stop > start || step >= 0) {
		return out, nil
	}
	for i := start; forward && i < stop || !forward && i > stop; i += step {
		if len(out) == maxList {
			return nil, fmt.Errorf("a list of more than %d numbers is too long", maxList)
		}
		out = append(out, i)
	}
	return out, nil
}

// sequence prints the numbers from the first to the last one, as the program of
// that name does: up to a number, between two, or between two with a step.
func sequence(params ...int) (string, error) {
	var first, last, step int
	switch len(params) {
	case 1:
		first, last, step = 1, params[0], direction(1, params[0])
	case 2:
		first, last, step = params[0], params[1], direction(params[0], params[1])
	case 3:
		first, step, last = params[0], params[1], params[2]
	default:
		return "", nil
	}
	if last < first && step > 0 {
		return "", nil
	}
	numbers, err := steps(first, last+direction(first, last), step)
	if err != nil {
		return "", err
	}
	return strings.Trim(fmt.Sprint(numbers), "[]"), nil
}

func direction(from, to int) int {
	if to < from {
		return -1
	}
	return 1
}
