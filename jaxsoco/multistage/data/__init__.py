"""Files of trees and costs, and runs that are driven by recorded draws."""
