package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// ownerState is a Flux object in flux.yaml of a state folder.
type ownerState struct {
	APIVersion            string   `json:"apiVersion"`
	Kind                  string   `json:"kind"`
	Namespace             string   `json:"namespace"`
	Name                  string   `json:"name"`
	Ready                 any      `json:"ready,omitempty"`
	Conditions            []string `json:"conditions,omitempty"`
	LastAppliedRevision   string   `json:"lastAppliedRevision,omitempty"`
	LastAttemptedRevision string   `json:"lastAttemptedRevision,omitempty"`
	Inventory             []string `json:"inventory,omitempty"`
	History               []string `json:"history,omitempty"`
}

type eventState struct {
	Object  string `json:"object"`
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// writeStates writes what the cluster holds after each step: objects.yaml,
// flux.yaml and events.yaml in a folder per step, below one per cluster where
// there are several.
func writeStates(dir, cluster string, r simulate.Result) error {
	if cluster != "bootstrap" {
		dir = filepath.Join(dir, cluster)
	}
	for i, s := range r.Steps {
		folder := filepath.Join(dir, s.Name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("write the state: %w", err)
		}
		var objects bytes.Buffer
		for _, u := range r.States[i] {
			data, err := yaml.Marshal(u.Object)
			if err != nil {
				return fmt.Errorf("write the state: %w", err)
			}
			fmt.Fprintf(&objects, "---\n%s", data)
		}
		if err := writeState(folder, "objects.yaml", objects.Bytes()); err != nil {
			return err
		}
		if err := marshalState(folder, "flux.yaml", map[string]any{"objects": owners(s)}); err != nil {
			return err
		}
		if err := marshalState(folder, "events.yaml", events(s)); err != nil {
			return err
		}
	}
	return nil
}

func owners(s simulate.Step) []ownerState {
	out := []ownerState{}
	for _, o := range s.Owners {
		st := ownerState{
			APIVersion: o.APIVersion, Kind: o.Ref.Kind, Namespace: o.Ref.Namespace, Name: o.Ref.Name,
			LastAppliedRevision: o.Revision, LastAttemptedRevision: o.Attempted,
			Inventory: o.Inventory, History: o.History,
		}
		if o.Ready.Status != "" {
			st.Ready = o.Ready
		}
		for _, c := range o.Conditions {
			st.Conditions = append(st.Conditions, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
		}
		slices.Sort(st.Conditions)
		out = append(out, st)
	}
	return out
}

func events(s simulate.Step) []eventState {
	out := []eventState{}
	for _, e := range s.Events {
		out = append(out, eventState{Object: e.Object.String(), Type: e.Type, Reason: e.Reason, Message: e.Message})
	}
	return out
}

func marshalState(folder, name string, v any) error {
	data, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return writeState(folder, name, data)
}

// writeState keeps a file to its owner: it may hold the values of Secrets.
func writeState(folder, name string, data []byte) error {
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}
