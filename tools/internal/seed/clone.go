package seed

import (
	"context"

	"example.com/boxoffice/tools/internal/services"
)

// Database is a database of this process's own.
type Database struct {
	Name  string
	owner *owner
}

// Clone copies a template. Any number may be copied at once. The copy is gone
// when it is dropped, or at some Sweep after this process has ended.
func Clone(ctx context.Context, pg *services.Postgres, template string) (*Database, error) {
	o, err := ownerOf(ctx, pg)
	if err != nil {
		return nil, err
	}
	name, err := o.create(ctx, template)
	if err != nil {
		return nil, err
	}
	return &Database{Name: name, owner: o}, nil
}

// Drop removes the database, and with it every connection to it.
func (d *Database) Drop(ctx context.Context) error {
	return d.owner.drop(ctx, d.Name)
}
