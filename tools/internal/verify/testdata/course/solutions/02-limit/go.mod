module example.com/boxoffice/solutions/02-limit

go 1.26.0

require example.com/boxoffice/tools v0.0.0

replace example.com/boxoffice/tools => ../../tools
