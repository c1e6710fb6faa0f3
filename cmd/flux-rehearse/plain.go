package main

import (
	"encoding/base64"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/report"
)

// misplaced is a value that the server quotes because it has another type than
// the field of the Secret.
var misplaced = regexp.MustCompile(`(expected [a-z ()]+, got) &value\.valueUnstructured\{Value:[^\n]*\}`)

// takeIn takes in the values of a Secret that is written in plain text. Short ones are
// words like any other.
func (s *secrets) takeIn(o *unstructured.Unstructured) {
	if o.GetKind() != "Secret" || o.GroupVersionKind().Group != "" {
		return
	}
	data, _, _ := unstructured.NestedMap(o.Object, "data")
	for _, v := range data {
		text, _ := v.(string)
		if plain, err := base64.StdEncoding.DecodeString(text); err == nil && len(plain) >= longSecret {
			s.add(string(plain))
		}
		if len(text) >= longSecret {
			s.add(text)
		}
	}
	data, _, _ = unstructured.NestedMap(o.Object, "stringData")
	for _, v := range data {
		if text, _ := v.(string); len(text) >= longSecret {
			s.add(text)
		}
	}
}

// messages takes the values out of what controllers, the server and the rules
// say. Fields are compared, and hidden, where they are known to be secret.
func (s *secrets) messages(r *report.Report) {
	hide := func(texts ...*string) {
		for _, t := range texts {
			if strings.Contains(*t, "Kind=Secret)") {
				*t = misplaced.ReplaceAllString(*t, "$1 ***")
			}
			*t = s.hide(*t)
		}
	}
	for i := range r.Findings {
		hide(&r.Findings[i].Message, &r.Findings[i].Hint)
		for j := range r.Findings[i].Related {
			hide(&r.Findings[i].Related[j].Message)
		}
	}
	for _, c := range r.Clusters {
		for _, step := range c.Steps {
			for i := range step.Owners {
				o := &step.Owners[i]
				hide(&o.Ready.Message, &o.Hint)
				for j := range o.Conditions {
					hide(&o.Conditions[j].Message)
				}
			}
			for i := range step.Changes {
				hideError(step.Changes[i].Error, hide)
			}
			for i := range step.Facts {
				f := &step.Facts[i]
				hide(&f.Message, &f.Check, &f.From, &f.To)
			}
			for i := range step.Notes {
				hide(&step.Notes[i])
			}
		}
	}
}

func hideError(e *diff.Error, hide func(...*string)) {
	if e == nil {
		return
	}
	hide(&e.Message, &e.Hint)
	for i := range e.Causes {
		hide(&e.Causes[i].Message, &e.Causes[i].Field)
	}
}
