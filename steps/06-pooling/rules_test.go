package main_test

import (
	"testing"

	"example.com/boxoffice/tools/lab/contract"
)

// The rules of selling tickets, and of releases, which hold wherever the code has moved to.
// Each has a line here, and its text in tools/lab/contract.

// POST /events/:id/orders: 201 to eight tickets, 422 to nine.
func TestOrderHasAtMostEightTickets(t *testing.T) { contract.OrderHasAtMostEightTickets(t) }

// POST /events/:id/orders: 422 to an event that has begun.
func TestPastEventSellsNothing(t *testing.T) { contract.PastEventSellsNothing(t) }

// POST /events/:id/orders: 409 to more tickets than remain, 201 to all of them, 400 to none and to fewer.
func TestWhatIsGoneIsNotSold(t *testing.T) { contract.WhatIsGoneIsNotSold(t) }

// POST /events/:id/orders: when the database refuses one of its writes, a 5xx; no ticket is gone, and there is no order.
func TestOrderIsAllOrNothing(t *testing.T) { contract.OrderIsAllOrNothing(t) }

// All routes: the same as before when each table has a column that this release doesn't know.
func TestColumnsMayBeAdded(t *testing.T) { contract.ColumnsMayBeAdded(t) }
