package seed

import (
	"context"

	"example.com/boxoffice/tools/internal/services/postgres"
)

// Database is a database of this process's own.
type Database struct {
	Name     string
	owner    *owner
	template string // of which it is a copy; "" for none
}

// Empty makes a database without a table. It is gone as a copy of [Clone] is.
func Empty(ctx context.Context, pg *postgres.Server) (*Database, error) { return Clone(ctx, pg, "") }

// Clone copies a template. Any number may be copied at once. The copy is gone
// when it is dropped, or at some Sweep after this process has ended. It may be one
// that was released before.
func Clone(ctx context.Context, pg *postgres.Server, template string) (*Database, error) {
	o, err := ownerOf(ctx, pg)
	if err != nil {
		return nil, err
	}
	name := o.takeReleased(template)
	if name == "" {
		if name, err = o.create(ctx, template); err != nil {
			return nil, err
		}
	}
	return &Database{Name: name, owner: o, template: template}, nil
}

// Release closes every connection to the database, and keeps it for the next Clone of its
// template when it is still what the template is: to copy one takes as long as to start
// the API that uses it. Else it drops it.
func (d *Database) Release(ctx context.Context) error {
	if d.template == "" || !d.owner.unchanged(ctx, d.Name) {
		return d.Drop(ctx)
	}
	d.owner.release(d.template, d.Name)
	return nil
}

// Drop removes the database, and with it every connection to it.
func (d *Database) Drop(ctx context.Context) error {
	return d.owner.drop(ctx, d.Name)
}
